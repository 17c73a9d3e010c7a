"""Steppers and linear solvers. Each stepper is one file, listed in `rxd.solve.steppers`."""
