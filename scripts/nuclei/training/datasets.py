"""The data set of a training with images that have no nucleus; see nuclei/training/negatives.py."""

from mmdet.datasets import DATASETS, CocoDataset

from nuclei.training.negatives import negatives


@DATASETS.register_module()
class TissueDataset(CocoDataset):
    """mmdet's CocoDataset, with the images in which there is no nucleus."""

    def _filter_imgs(self, min_size: int = 32) -> list[int]:
        """Places in data_infos of the images to train on: of at least min_size px a side, annotated or negative."""
        taken = {row["image_id"] for row in self.coco.dataset["annotations"]} | negatives(self.coco.dataset)
        kept = [
            place
            for place, row in enumerate(self.data_infos)
            if row["id"] in taken and min(row["width"], row["height"]) >= min_size
        ]
        self.img_ids = [self.data_infos[place]["id"] for place in kept]
        return kept
