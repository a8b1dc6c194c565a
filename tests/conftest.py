"""Settings for every test: the tensors are small, so one thread is fastest."""

import torch

torch.set_num_threads(1)
