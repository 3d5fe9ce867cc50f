"""The computer: device, locks, precision, speed, stops by a signal, patches for mmcv and mmdet on this torch."""
