"""Settings for every test, and what several files of tests need."""

import pytest
import torch

torch.set_num_threads(1)  # the tensors are small, so one thread is fastest


@pytest.fixture
def book_style():
    """Figures in the book's style, closed afterwards."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    from lossbook import plots

    with mpl.rc_context():
        plots.use_style()
        yield
    plt.close("all")
