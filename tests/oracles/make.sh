#!/bin/sh
# Run the peer libraries in an environment of their own and store what they answer: `make oracles`.
set -eu
cd "$(dirname "$0")/../.."
if [ ! -x .venv-oracle/bin/python ]; then
  "${PYTHON:-python3}" -m venv .venv-oracle
fi
pip() {
  .venv-oracle/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}
pip -r tests/oracles/requirements.txt
pip --no-deps -r tests/oracles/requirements-no-deps.txt
.venv-oracle/bin/python tests/oracles/make_oracles.py
if [ -x .venv/bin/python ]; then
  .venv/bin/python tests/oracles/comparison.py --write
fi
