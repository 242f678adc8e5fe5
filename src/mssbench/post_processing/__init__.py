"""What is done to estimates behind the model, as an experiment's ``separation`` says.

It decides the estimates and no weights, so experiments that differ in it alone share a training.
"""
