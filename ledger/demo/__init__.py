"""The main job end to end on real servers, told in six steps: `make demo`."""
