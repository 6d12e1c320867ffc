"""Sound made or changed for training and calibration: disturbances, and sounds that hold no speech."""
