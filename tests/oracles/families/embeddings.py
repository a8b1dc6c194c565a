"""Who else computes the losses of embeddings, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import Case, Difference, Reference

TITLE = "Embeddings"

PAIRS, CLASSES, LONE = "embeddings: pairs", "embeddings: classes", "embeddings: a lone class"
LONG, SEVERAL = "embeddings: long pairs", "embeddings: sub-centers"
VIEWS, GROUPS = (PAIRS, LONG), (CLASSES, LONE)


def _rows(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * rng.standard_normal(shape)).astype(np.float32).astype(np.float64)


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Pairs `z` and `x`, alike or not (`y`), with strangers `n`; batches `z` of classes `y`, a row `w` for each,
    several rows `v` for each."""
    rng = np.random.default_rng(20)
    return {
        PAIRS: {"z": _rows(rng, 6, 4), "x": _rows(rng, 6, 4), "n": _rows(rng, 6, 4), "y": np.array([1, 0, 0, 1, 0, 1])},
        LONG: {
            "z": _rows(rng, 5, 3, scale=3.0), "x": _rows(rng, 5, 3, scale=3.0), "n": _rows(rng, 5, 3, scale=3.0),
            "y": np.array([0, 1, 0, 1, 1]),
        },
        CLASSES: {"z": _rows(rng, 7, 4), "y": np.array([0, 1, 0, 2, 1, 2, 0]), "w": _rows(rng, 3, 4)},
        LONE: {"z": _rows(rng, 6, 3, scale=2.0), "y": np.array([0, 1, 1, 2, 1, 0]), "w": _rows(rng, 3, 3)},
        SEVERAL: {"z": _rows(rng, 7, 4), "y": np.array([0, 1, 0, 2, 1, 2, 0]), "v": _rows(rng, 3, 2, 4)},
    }  # fmt: skip


RAW = "distance=pml_distances.LpDistance(normalize_embeddings=False)"
MEAN = "reducer=pml_reducers.MeanReducer()"
INDICES = "torch.where(y == 1)[0], torch.where(y == 1)[0], torch.where(y == 0)[0], torch.where(y == 0)[0]"


def _with_rows(module: str, name: str, rows: str) -> str:
    return f"torch.func.functional_call({module}, {{'{name}': {rows}}}, (z, y))"


CASES = [
    Case("pml", "contrastive_loss",
         f"pml.ContrastiveLoss({RAW}, {MEAN})(z, indices_tuple=({INDICES}), ref_emb=x, ref_labels=y)",
         "2 * lb.contrastive_loss(z, x, y, form='linear')", (PAIRS,),
         "the mean over like pairs plus that over unlike pairs: twice our mean where both are equally many"),
    Case("pml", "contrastive_loss",
         f"pml.ContrastiveLoss({MEAN})(z, indices_tuple=({INDICES}), ref_emb=x, ref_labels=y)",
         "2 * lb.contrastive_loss(z, x, y, form='linear', normalize=True)", (PAIRS,), "by default it normalizes"),
    Case("torch", "triplet_margin_loss", "F.triplet_margin_loss(z, x, n, eps=0)", "lb.triplet_margin_loss(z, x, n)",
         VIEWS),
    Case("torch", "triplet_margin_loss",
         "F.triplet_margin_loss(z, x, n, margin=3.0, swap=True, eps=0, reduction='none')",
         "lb.triplet_margin_loss(z, x, n, margin=3.0, swap=True, reduction='none')", VIEWS),
    Case("torch", "triplet_margin_loss",
         "F.triplet_margin_with_distance_loss(z, x, n, distance_function=lambda a, b: ((a - b) ** 2).sum(1))",
         "lb.triplet_margin_loss(z, x, n, squared=True)", VIEWS),
    Case("pml", "batch_triplet_loss", f"pml.TripletMarginLoss(margin=1.0, {RAW})(z, y)",
         "lb.batch_triplet_loss(z, y, mining='all', average='nonzero')", GROUPS,
         "by default a mean over the triplets that cost something"),
    Case("pml", "batch_triplet_loss", f"pml.TripletMarginLoss(margin=1.0, {RAW}, {MEAN})(z, y)",
         "lb.batch_triplet_loss(z, y, mining='all')", GROUPS),
    Case("pml", "batch_triplet_loss", "pml.TripletMarginLoss()(z, y)",
         "lb.batch_triplet_loss(z, y, margin=0.05, mining='all', average='nonzero', normalize=True)", GROUPS),
    Case("pml", "batch_triplet_loss",
         f"pml.TripletMarginLoss(margin=1.0, {RAW}, {MEAN})(z, y, pml_miners.BatchHardMiner({RAW})(z, y))",
         "lb.batch_triplet_loss(z, y)", GROUPS),
    Case("pml", "lifted_structure_loss", f"pml.LiftedStructureLoss({RAW})(z, y)", "lb.lifted_structure_loss(z, y)",
         GROUPS, "by default it normalizes"),
    Case("pml", "lifted_structure_loss", "pml.LiftedStructureLoss(neg_margin=0.5)(z, y)",
         "lb.lifted_structure_loss(z, y, margin=0.5, normalize=True)", GROUPS),
    Case("pml", "n_pairs_loss",
         "pml.NTXentLoss(temperature=1.0, distance=pml_distances.DotProductSimilarity(normalize_embeddings=False))"
         "(z, torch.arange(len(z)), ref_emb=x, ref_labels=torch.arange(len(z)))", "lb.n_pairs_loss(z, x)", VIEWS,
         "its own `NPairsLoss` chooses anchor and positive itself"),
    Case("torch", "n_pairs_loss", "F.cross_entropy(z @ x.T, torch.arange(len(z)))", "lb.n_pairs_loss(z, x)", VIEWS),
    Case("pml", "angular_loss",
         "pml.AngularLoss(alpha=45)(F.normalize(z, dim=1), torch.arange(len(z)), ref_emb=F.normalize(x, dim=1), "
         "ref_labels=torch.arange(len(z)))", "lb.angular_loss(z, x)", VIEWS,
         "it takes unit vectors; of one batch with labels, both sides of other pairs are negatives"),
    Case("pml", "angular_loss",
         "pml.AngularLoss()(F.normalize(z, dim=1), torch.arange(len(z)), ref_emb=F.normalize(x, dim=1), "
         "ref_labels=torch.arange(len(z)))", "lb.angular_loss(z, x, angle=40.0)", VIEWS),
    Case("pml", "info_nce_loss",
         "pml.NTXentLoss(temperature=0.1)(z, torch.arange(len(z)), ref_emb=x, ref_labels=torch.arange(len(z)))",
         "lb.info_nce_loss(z, x)", VIEWS),
    Case("pml", "nt_xent_loss", "pml.NTXentLoss(temperature=0.5)(torch.cat([z, x]), torch.arange(len(z)).repeat(2))",
         "lb.nt_xent_loss(z, x)", VIEWS),
    Case("optax", "nt_xent_loss",
         "optax.losses.ntxent(torch.cat([z, x]), torch.arange(len(z)).repeat(2), 0.5)", "lb.nt_xent_loss(z, x)", VIEWS),
    Case("pml", "sup_con_loss", "pml.SupConLoss(temperature=0.1)(z, y)", "lb.sup_con_loss(z, y)", GROUPS),
    Case("pml", "nca_loss", f"pml.NCALoss({RAW.replace('normalize', 'power=2, normalize')})(z, y)",
         "lb.nca_loss(z, y)", GROUPS, "by default it normalizes"),
    Case("pml", "nca_loss", "pml.NCALoss(softmax_scale=10)(z, y)",
         "lb.nca_loss(z, y, temperature=0.1, normalize=True)", GROUPS),
    Case("open_clip", "clip_loss", "open_clip.ClipLoss()(F.normalize(z, dim=1), F.normalize(x, dim=1), 1 / 0.07)",
         "lb.clip_loss(z, x)", VIEWS, "it takes unit vectors"),
    Case("open_clip", "clip_loss", "open_clip.ClipLoss()(z, x, 2.0)",
         "lb.clip_loss(z, x, logit_scale=2.0, normalize=False)", VIEWS),
    Case("open_clip", "siglip_loss",
         "open_clip.SigLipLoss()(F.normalize(z, dim=1), F.normalize(x, dim=1), 10.0, -10.0)", "lb.siglip_loss(z, x)",
         VIEWS, "it takes unit vectors"),
    Case("open_clip", "siglip_loss", "open_clip.SigLipLoss()(z, x, 2.0, 0.5)",
         "lb.siglip_loss(z, x, logit_scale=2.0, logit_bias=0.5, normalize=False)", VIEWS),
    Case("torch", "audio_visual_consistency_loss", "1 - F.cosine_similarity(z, x).mean()",
         "lb.audio_visual_consistency_loss(z, x)", VIEWS),
    Case("torch", "byol_loss", "2 - 2 * F.cosine_similarity(z, x).mean()", "lb.byol_loss(z, x)", VIEWS),
    Case("torch", "byol_loss", "-F.cosine_similarity(z, x).mean()", "lb.byol_loss(z, x, form='simsiam')", VIEWS),
    Case("pml", "vicreg_loss", "pml.VICRegLoss()(z, ref_emb=x)", "lb.vicreg_loss(z, x)", VIEWS),
    Case("pml", "vicreg_loss", "pml.VICRegLoss(1.0, 2.0, 3.0, eps=0.01)(z, ref_emb=x)",
         "lb.vicreg_loss(z, x, invariance=1.0, variance=2.0, covariance=3.0, eps=0.01)", VIEWS),
    Case("pml", "multi_similarity_loss", "pml.MultiSimilarityLoss()(z, y)", "lb.multi_similarity_loss(z, y)", GROUPS),
    Case("pml", "multi_similarity_loss", "pml.MultiSimilarityLoss(alpha=3, beta=10, base=0.2)(z, y)",
         "lb.multi_similarity_loss(z, y, alpha=3.0, beta=10.0, base=0.2)", GROUPS),
    Case("pml", "multi_similarity_loss",
         "pml.MultiSimilarityLoss()(z, y, pml_miners.MultiSimilarityMiner(epsilon=0.1)(z, y))",
         "lb.multi_similarity_loss(z, y, mining=0.1)", GROUPS),
    Case("pml", "circle_loss", "pml.CircleLoss(m=0.25, gamma=80)(z, y)", "lb.circle_loss(z, y)", GROUPS,
         "its default margin is 0.4"),
    Case("pml", "arcface_loss", _with_rows("pml.ArcFaceLoss(3, z.shape[1], margin=28.64788975654116)", "W", "w.T"),
         "lb.arcface_loss(z, y, w)", GROUPS, "its margin is in degrees"),
    Case("pml", "sub_center_arcface_loss",
         _with_rows("pml.SubCenterArcFaceLoss(num_classes=3, embedding_size=4, margin=28.64788975654116, "
                    "sub_centers=2)", "W", "v.flatten(0, 1).T"),
         "lb.sub_center_arcface_loss(z, y, v)", (SEVERAL,), "its margin is in degrees"),
    Case("pml", "cosface_loss", _with_rows("pml.CosFaceLoss(3, z.shape[1])", "W", "w.T"), "lb.cosface_loss(z, y, w)",
         GROUPS),
    Case("pml", "cosface_loss",
         _with_rows("pml.NormalizedSoftmaxLoss(3, z.shape[1])", "W", "w.T").replace("(z, y)", "(F.normalize(z), y)"),
         "lb.cosface_loss(z, y, w, margin=0.0, scale=20.0)", GROUPS,
         "the normalized softmax, with a temperature of 0.05; it takes unit vectors"),
    Case("pml", "sphereface_loss", _with_rows("pml.SphereFaceLoss(3, z.shape[1])", "W", "w.T"),
         "lb.sphereface_loss(z, y, w)", GROUPS),
    Case("pml", "sphereface_loss", _with_rows("pml.SphereFaceLoss(3, z.shape[1], margin=3)", "W", "w.T"),
         "lb.sphereface_loss(z, y, w, margin=3)", GROUPS),
    Case("pml", "soft_triple_loss", _with_rows("pml.SoftTripleLoss(3, 4, centers_per_class=2)", "fc",
                                              "v.flatten(0, 1).T"),
         "lb.soft_triple_loss(z, y, v, regularization=0.0)", (SEVERAL,), "it leaves the regularizer out"),
    Case("pml", "proxy_nca_loss", _with_rows("pml.ProxyNCALoss(3, z.shape[1])", "proxies", "w"),
         "lb.proxy_nca_loss(z, y, w, include_positive=True)", GROUPS,
         "the own proxy stands in the denominator, as in ProxyNCA++"),
    Case("pml", "proxy_anchor_loss", _with_rows("pml.ProxyAnchorLoss(3, z.shape[1])", "proxies", "w"),
         "lb.proxy_anchor_loss(z, y, w)", GROUPS),
]  # fmt: skip

REFERENCES = [
    Reference("contrastive_loss", "ref.mean(*ref.contrastive(z, x, y))", "lb.contrastive_loss(z, x, y)", VIEWS),
    Reference("triplet_margin_loss", "ref.mean(*ref.triplet(z, x, n))", "lb.triplet_margin_loss(z, x, n)", VIEWS),
    Reference("batch_triplet_loss", "ref.mean(*ref.batch_triplet(z, y))", "lb.batch_triplet_loss(z, y)", GROUPS),
    Reference("batch_triplet_loss", "ref.mean(*ref.batch_triplet(z, y, mining='semi-hard'))",
              "lb.batch_triplet_loss(z, y, mining='semi-hard')", GROUPS),
    Reference("lifted_structure_loss", "ref.mean(*ref.lifted_structure(z, y))", "lb.lifted_structure_loss(z, y)",
              GROUPS),
    Reference("n_pairs_loss", "ref.mean(*ref.n_pairs(z, x))", "lb.n_pairs_loss(z, x)", VIEWS),
    Reference("angular_loss", "ref.mean(*ref.angular(z, x))", "lb.angular_loss(z, x)", VIEWS),
    Reference("angular_loss", "ref.mean(*ref.angular(z, x, 60.0))", "lb.angular_loss(z, x, angle=60.0)", VIEWS),
    Reference("info_nce_loss", "ref.mean(*ref.info_nce(z, x))", "lb.info_nce_loss(z, x)", VIEWS),
    Reference("info_nce_loss", "ref.mean(*ref.info_nce(z, x, n))", "lb.info_nce_loss(z, x, n)", VIEWS),
    Reference("nt_xent_loss", "ref.mean(*ref.nt_xent(z, x))", "lb.nt_xent_loss(z, x)", VIEWS),
    Reference("sup_con_loss", "ref.mean(*ref.sup_con(z, y))", "lb.sup_con_loss(z, y)", GROUPS),
    Reference("nca_loss", "ref.mean(*ref.nca(z, y))", "lb.nca_loss(z, y)", GROUPS),
    Reference("clip_loss", "ref.mean(*ref.clip(z, x))", "lb.clip_loss(z, x)", VIEWS),
    Reference("siglip_loss", "ref.mean(*ref.siglip(z, x))", "lb.siglip_loss(z, x)", VIEWS),
    Reference("image_text_matching_loss", "ref.mean(*ref.matching(z, x))", "lb.image_text_matching_loss(z, x)", VIEWS),
    Reference("image_text_matching_loss", "ref.mean(*ref.matching(z, x, hardest=True))",
              "lb.image_text_matching_loss(z, x, hardest=True)", VIEWS),
    Reference("audio_visual_consistency_loss", "ref.mean(*ref.consistency(z, x))",
              "lb.audio_visual_consistency_loss(z, x)", VIEWS),
    Reference("byol_loss", "ref.mean(*ref.byol(z, x))", "lb.byol_loss(z, x)", VIEWS),
    Reference("barlow_twins_loss", "ref.mean(*ref.barlow(z, x))", "lb.barlow_twins_loss(z, x)", VIEWS),
    Reference("vicreg_loss", "ref.mean(*ref.vicreg(z, x))", "lb.vicreg_loss(z, x)", VIEWS),
    Reference("multi_similarity_loss", "ref.mean(*ref.multi_similarity(z, y))", "lb.multi_similarity_loss(z, y)",
              GROUPS),
    Reference("circle_loss", "ref.mean(*ref.circle(z, y))", "lb.circle_loss(z, y, hold_weights=False)", GROUPS),
    Reference("arcface_loss", "ref.mean(*ref.arcface(z, y, w))", "lb.arcface_loss(z, y, w)", GROUPS),
    Reference("sub_center_arcface_loss", "ref.mean(*ref.sub_center_arcface(z, y, v))",
              "lb.sub_center_arcface_loss(z, y, v)", (SEVERAL,)),
    Reference("cosface_loss", "ref.mean(*ref.cosface(z, y, w))", "lb.cosface_loss(z, y, w)", GROUPS),
    Reference("sphereface_loss", "ref.mean(*ref.sphereface(z, y, w))", "lb.sphereface_loss(z, y, w)", GROUPS),
    Reference("sphereface_loss", "ref.mean(*ref.sphereface(z, y, w, annealing=5.0))",
              "lb.sphereface_loss(z, y, w, annealing=5.0)", GROUPS),
    Reference("soft_triple_loss", "ref.mean(*ref.soft_triple(z, y, v))", "lb.soft_triple_loss(z, y, v)", (SEVERAL,)),
    Reference("center_loss", "ref.mean(*ref.center(z, y, w))", "lb.center_loss(z, y, w)", GROUPS),
    Reference("proxy_nca_loss", "ref.mean(*ref.proxy_nca(z, y, w))", "lb.proxy_nca_loss(z, y, w)", GROUPS),
    Reference("proxy_anchor_loss", "ref.mean(*ref.proxy_anchor(z, y, w))", "lb.proxy_anchor_loss(z, y, w)", GROUPS),
    Reference("cached_info_nce_loss", "ref.mean(*ref.info_nce(z, x))",
              "lb.cached_info_nce_loss(torch.nn.Identity(), z, x, chunk_size=2)", VIEWS),
]  # fmt: skip

DIFFERENCES = [
    Difference(
        "torch", "triplet_margin_loss", "Equal embeddings pull on each other",
        {"z": [[0.0, 0.0]], "x": [[0.0, 0.0]], "n": [[3.0, 4.0]]},
        "F.triplet_margin_loss(z, x, n, margin=10.0)", "lb.triplet_margin_loss(z, x, n, margin=10.0)",
        [0.6 + 0.5**0.5, 0.8 + 0.5**0.5], [0.6, 0.8],
        "`eps=1e-6` is added to every difference, so that equal embeddings have a distance, whose gradient points "
        "along the diagonal with its full length.", gradient=True,
    ),
    Difference(
        "pml", "angular_loss", "A long negative counts for more",
        {"z": [[1.0], [1.0]], "x": [[1.0], [2.0]]},
        "pml.AngularLoss(alpha=45)(z, torch.arange(2), ref_emb=x, ref_labels=torch.arange(2))",
        "lb.angular_loss(z, x)", (np.log1p(np.exp(12)) + np.log1p(np.exp(4))) / 2, np.log1p(np.exp(4)),
        "Anchors and positives are divided by their lengths, negatives are not: two equal directions give 12 where "
        "they should give 4. The paper's embeddings have unit length.",
    ),
    Difference(
        "monai", "barlow_twins_loss", "Equal views without redundancy cost something",
        {"z": [[1.0], [-1.0]], "x": [[1.0], [-1.0]]},
        "monai.BarlowTwinsLoss()(z, x)", "lb.barlow_twins_loss(z, x)", 0.250000707, (1e-5 / 1.00001) ** 2,
        "Features are divided by a standard deviation over $N - 1$, their products by $N$: the correlation of a "
        "feature with itself is $(N - 1) / N$, here a half. The authors divide by $N$ both times.",
    ),
]  # fmt: skip
