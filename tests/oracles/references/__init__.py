"""Slow references in float64, written from the papers: a second opinion, and the only one where no peer has a loss.

One module for each family. Every function takes NumPy arrays: in classification and segmentation `z` are logits
`(N, C, *)` with labels `y` `(N, *)`, or both `(N, *)` for a binary task. No code is shared with the library.
"""
