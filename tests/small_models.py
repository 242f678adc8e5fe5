"""Every trained model of the registry, at a size that runs in milliseconds."""

MASKING = {"N": 16, "L": 8, "B": 6, "H": 12, "X": 3}
ONE_SCALE = {
    "targets": ("vocals", "rest"),
    "channels": 1,
    "n_fft": 64,
    "hop": 32,
    "width": 4,
    "k_first": 3,
    "k": 4,
    "L": 2,
    "k_final": 2,
}

SMALL = {
    "bidirectional_lstm": {"channels": 1, "units": 7, "n_fft": 64, "hop": 16},
    "conditioned_u_net": {"levels": 2, "filters": 3, "n_fft": 64, "hop": 32, "control": (4, 6, 8)},
    "conv_tasnet": {**MASKING, "Sc": 5, "R": 2},
    "conv_tasnet_3x9": {**MASKING, "R": 2},
    "conv_tasnet_music": {**MASKING, "channels": 1, "R": 2},
    "deep_conv_sep": {"N1": 6, "N2": 5, "NN": 8, "T": 6, "overlap": 4},
    "demucs": {"channels": 1, "C": 4, "L": 3},
    "dense_net": {**ONE_SCALE, "blocks": 2},
    "feed_forward": {"C": 2, "K": 2, "n_fft": 64, "hop": 32},
    "htmd_net": {**MASKING, "filters": 2, "levels": 3, "units": 4},
    "m_dense_net": {**ONE_SCALE, "scales": 2, "L_bottom": 2},
    "meta_tasnet": {"N": 16, "L": 20, "B": 8, "H": 8, "X": 2, "R": 1, "stages": 2},
    "mm_dense_net": {
        **ONE_SCALE,
        "splits": (12,),
        "scales": 2,
        "k_first": (3, 2, 2),
        "k": (4, 3, 2),
        "L": (2, 2, 1),
        "L_bottom": (2, 1, 2),
        "first_bins": (3, 2, 3),
        "block_bins": (3, 2, 3),
        "L_final": 1,
    },
    "multiband": {**MASKING, "channels": 1, "R": 2},
    "resnet_latent": {"n_fft": 64, "hop": 16, "nf": 4, "res_blocks": 1},
    "spectrogram_u_net": {"levels": 2, "filters": 3, "n_fft": 64, "hop": 48},
    "wave_u_net": {"levels": 3, "filters": 3},
    "wavenet": {"stacks": 2, "dilations": 3, "residual": 4, "skip": 5, "head": (8, 6)},
}
