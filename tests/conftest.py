"""Settings for every test: the tensors are small, so one thread is fastest, and results do not depend on their number."""

import torch

torch.set_num_threads(1)
