"""Models: the catalogue, the zoo configs and what a cell changes of them, the schedule, weights, augmentation."""
