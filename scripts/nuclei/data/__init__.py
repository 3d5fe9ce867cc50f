"""From raw images and masks to annotations: the raw layout, masks, conversion to COCO, splits, tiles."""
