"""Raw data to annotations: layouts, masks, polygons, splits, tiles."""
