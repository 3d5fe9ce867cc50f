"""Models: the catalogue, zoo configs and what a cell changes of them, schedule, weights, augmentation."""
