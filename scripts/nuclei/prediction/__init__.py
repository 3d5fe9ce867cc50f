"""From a trained model to nuclei: one look, test-time augmentation, sliding window, fusion, ensembles, answers."""
