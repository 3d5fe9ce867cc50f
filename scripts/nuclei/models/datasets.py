"""The data sets inside a resolved mmdet config."""


def training_set(config):
    """The dataset config inside data.train, below any RepeatDataset."""
    dataset = config["data"]["train"]
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    return dataset
