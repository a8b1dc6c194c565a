"""Who has the losses of embeddings as well."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._entry import Entry, Input, noise


def pairs(N: int = 1024, D: int = 512) -> dict[str, Tensor]:
    """Embeddings `z`, their partners `x` and strangers `n`, as unit vectors; which pairs are alike, `y`; and the number
    of each row, `i`."""
    z = noise(N, D, seed=0)
    rows = {"z": z, "x": z + noise(N, D, seed=1), "n": noise(N, D, seed=2)}
    rows = {name: F.normalize(tensor, dim=1) for name, tensor in rows.items()}
    return rows | {"y": torch.arange(N) % 2, "i": torch.arange(N)}


def many_pairs(N: int = 65536, D: int = 128) -> dict[str, Tensor]:
    return pairs(N, D)


def few_pairs(N: int = 128, D: int = 512) -> dict[str, Tensor]:
    """So few that a peer may hold every pair beside every other pair."""
    return pairs(N, D)


def classes(N: int = 512, D: int = 128, C: int = 64) -> dict[str, Tensor]:
    """Unit vectors `z`, the class of each, `y`, and a row `w` for each class."""
    w, y = noise(C, D, seed=0), torch.arange(N) % C
    return {"z": F.normalize(w[y] + noise(N, D, seed=1), dim=1), "y": y, "w": w}


def sub_centers(N: int = 512, D: int = 256, C: int = 2048, K: int = 3) -> dict[str, Tensor]:
    """Unit vectors `z`, the class of each, `y`, and several rows `w` for each class."""
    sample = classes(N, D, C)
    return sample | {"w": sample["w"].unsqueeze(1) + noise(C, K, D, seed=2)}


def few_classes(N: int = 128, D: int = 128, C: int = 16) -> dict[str, Tensor]:
    """So few that a peer may hold the embeddings of every triplet."""
    return classes(N, D, C)


def identities(N: int = 512, D: int = 256, C: int = 4096) -> dict[str, Tensor]:
    return classes(N, D, C)


BATCH, FEW, MANY = "1024x512 pairs", "128x512 pairs", "65536x128 pairs"
CLASSES, FEW_CLASSES, IDENTITIES = "512x128, 64 classes", "128x128, 16 classes", "512x256, 4096 classes"
SUB_CENTERS = "512x256, 2048 classes of 3"
INPUTS: dict[str, Input] = {
    BATCH: pairs,
    FEW: few_pairs,
    MANY: many_pairs,
    CLASSES: classes,
    FEW_CLASSES: few_classes,
    IDENTITIES: identities,
    SUB_CENTERS: sub_centers,
}
SMALL: dict[str, Input] = {
    BATCH: lambda: pairs(6, 4),
    FEW: lambda: few_pairs(6, 4),
    MANY: lambda: many_pairs(6, 4),
    CLASSES: lambda: classes(8, 4, 3),
    FEW_CLASSES: lambda: few_classes(8, 4, 3),
    IDENTITIES: lambda: identities(8, 4, 5),
    SUB_CENTERS: lambda: sub_centers(8, 4, 5, 2),
}


def _with_rows(module: str, name: str, rows: str) -> str:
    sizes = "w.shape[0], w.shape[1]"
    return f"torch.func.functional_call(pml.{module.format(sizes)}, {{'{name}': {rows}}}, (z, y))"


def _with_sub_centers(module: str, name: str) -> str:
    sizes = "num_classes=w.shape[0], embedding_size=w.shape[2]"
    return f"torch.func.functional_call(pml.{module.format(sizes)}, {{'{name}': w.flatten(0, 1).T}}, (z, y))"


ENTRIES = (
    Entry("contrastive_loss", MANY, "lb.contrastive_loss(z, x, y)",
          (("(lambda d: (y * d.square() + (1 - y) * F.relu(1 - d).square()).mean() / 2)"
            "(F.pairwise_distance(z, x, eps=0))"),)),
    Entry("triplet_margin_loss", MANY, "lb.triplet_margin_loss(z, x, n)", ("F.triplet_margin_loss(z, x, n, eps=0)",)),
    Entry("byol_loss", MANY, "lb.byol_loss(z, x)", ("2 - 2 * F.cosine_similarity(z, x).mean()",)),
    Entry("audio_visual_consistency_loss", MANY, "lb.audio_visual_consistency_loss(z, x)",
          ("1 - F.cosine_similarity(z, x).mean()",)),
    Entry("batch_triplet_loss", FEW_CLASSES,
          "lb.batch_triplet_loss(z, y, margin=0.05, mining='all', average='nonzero')",
          ("pml.TripletMarginLoss()(z, y)",)),
    Entry("lifted_structure_loss", FEW_CLASSES, "lb.lifted_structure_loss(z, y, normalize=True)",
          ("pml.LiftedStructureLoss()(z, y)",)),
    Entry("n_pairs_loss", BATCH, "lb.n_pairs_loss(z, x)", ("F.cross_entropy(z @ x.T, i)",)),
    Entry("angular_loss", BATCH, "lb.angular_loss(z, x)",
          (("(lambda a, p: torch.where(torch.eye(len(a), dtype=torch.bool), 0.0, 4 * (a + p) @ p.T - 4 * (a * "
            "p).sum(1, keepdim=True)).logsumexp(1).mean())(F.normalize(z, dim=1), F.normalize(x, dim=1))"),)),
    Entry("angular_loss", FEW, "lb.angular_loss(z, x, angle=40.0)",
          ("pml.AngularLoss()(z, i, ref_emb=x, ref_labels=i.clone())",)),
    Entry("info_nce_loss", BATCH, "lb.info_nce_loss(z, x)",
          ("F.cross_entropy(F.normalize(z, dim=1) @ F.normalize(x, dim=1).T / 0.1, i)",)),
    Entry("info_nce_loss", FEW, "lb.info_nce_loss(z, x)",
          ("pml.NTXentLoss(temperature=0.1)(z, i, ref_emb=x, ref_labels=i.clone())",)),
    Entry("nt_xent_loss", BATCH, "lb.nt_xent_loss(z, x)",
          (("(lambda v: F.cross_entropy((v @ v.T / 0.5).fill_diagonal_(-torch.inf), (torch.arange(len(v)) + len(z)) % "
            "len(v)))(F.normalize(torch.cat([z, x]), dim=1))"),)),
    Entry("nt_xent_loss", FEW, "lb.nt_xent_loss(z, x)",
          ("pml.NTXentLoss(temperature=0.5)(torch.cat([z, x]), i.repeat(2))",)),
    Entry("sup_con_loss", CLASSES, "lb.sup_con_loss(z, y)", ("pml.SupConLoss(temperature=0.1)(z, y)",)),
    Entry("nca_loss", CLASSES, "lb.nca_loss(z, y, normalize=True)", ("pml.NCALoss()(z, y)",)),
    Entry("clip_loss", BATCH, "lb.clip_loss(z, x, logit_scale=10.0, normalize=False)",
          ("open_clip.ClipLoss()(z, x, 10.0)",)),
    Entry("siglip_loss", BATCH, "lb.siglip_loss(z, x, normalize=False)",
          ("open_clip.SigLipLoss()(z, x, 10.0, -10.0)",)),
    Entry("vicreg_loss", BATCH, "lb.vicreg_loss(z, x)", ("pml.VICRegLoss()(z, ref_emb=x)",)),
    Entry("multi_similarity_loss", CLASSES, "lb.multi_similarity_loss(z, y)", ("pml.MultiSimilarityLoss()(z, y)",)),
    Entry("circle_loss", CLASSES, "lb.circle_loss(z, y, margin=0.4)", ("pml.CircleLoss()(z, y)",)),
    Entry("arcface_loss", IDENTITIES, "lb.arcface_loss(z, y, w)",
          (_with_rows("ArcFaceLoss({}, margin=28.64788975654116)", "W", "w.T"),)),
    Entry("cosface_loss", IDENTITIES, "lb.cosface_loss(z, y, w)", (_with_rows("CosFaceLoss({})", "W", "w.T"),)),
    Entry("sphereface_loss", IDENTITIES, "lb.sphereface_loss(z, y, w)",
          (_with_rows("SphereFaceLoss({})", "W", "w.T"),)),
    Entry("sub_center_arcface_loss", SUB_CENTERS, "lb.sub_center_arcface_loss(z, y, w)",
          (_with_sub_centers("SubCenterArcFaceLoss({}, margin=28.64788975654116, sub_centers=w.shape[1])", "W"),)),
    Entry("soft_triple_loss", SUB_CENTERS, "lb.soft_triple_loss(z, y, w, regularization=0.0)",
          (_with_sub_centers("SoftTripleLoss({}, centers_per_class=w.shape[1])", "fc"),)),
    Entry("proxy_nca_loss", IDENTITIES, "lb.proxy_nca_loss(z, y, w, include_positive=True)",
          (_with_rows("ProxyNCALoss({})", "proxies", "w"),)),
    Entry("proxy_anchor_loss", IDENTITIES, "lb.proxy_anchor_loss(z, y, w)",
          (_with_rows("ProxyAnchorLoss({})", "proxies", "w"),)),
)  # fmt: skip
