"""Joins mmcv-full's CUDA files into a few: nvcc takes no precompiled header, and parses torch's for each file anew."""

from pathlib import Path

# In how many files the CUDA files are joined. Fixed, so that every machine compiles the same files.
JOINED = 9
# CUDA files that define a name which another one of them also defines, in an order in which such files are never JOINED
# or more places from each other: dealt out in this order, they come into different joined files.
SAME_NAMES = (
    *("box_iou_quadri_cuda", "box_iou_rotated_cuda", "nms_quadri_cuda", "nms_rotated_cuda", "carafe_naive_cuda"),
    *("convex_iou", "iou3d_cuda", "min_area_polygons", "carafe_cuda", "correlation_cuda", "chamfer_distance_cuda"),
    *("points_in_boxes_cuda", "roiaware_pool3d_cuda", "roipoint_pool3d_cuda", "scatter_points_cuda"),
    "voxelization_cuda",
)


def join_cuda_files(source: Path) -> None:
    """Have the build of the source distribution `source` compile JOINED files that include all CUDA files."""
    folder, setup = source / "mmcv" / "ops" / "csrc" / "pytorch", source / "setup.py"
    names = sorted(file.stem for file in folder.glob("cuda/*.cu"))
    ordered = [name for name in SAME_NAMES if name in names] + [name for name in names if name not in SAME_NAMES]
    for number in range(JOINED):
        parts = "".join(f'#include "cuda/{name}.cu"\n' for name in ordered[number::JOINED])
        # files are compiled in the order of their names, and what takes longest should not be last
        (folder / f"0_joined_{number}.cu").write_text(parts)
    setup.write_text(setup.read_text().replace("csrc/pytorch/cuda/*.cu", "csrc/pytorch/*.cu"))
