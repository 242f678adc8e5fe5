"""Random changes of training examples, each a function and the module that holds its parameters.

All take the sources without their mixture, (batch, sources, channels, samples), on any device; the
mixture is summed afterwards. Random numbers come from a generator on the CPU, whatever the device
of the sources, so that every device makes the same examples.
"""
