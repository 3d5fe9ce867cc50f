"""The computer: device, locks, precision, speed, stops by a signal, what mmcv needs to run on this torch."""
