"""Pictures of networks and of training.

`autograd_scalar.draw(model)` draws a network; the charts are functions of `nn` itself, such as
`nn.decision_boundary`. Each is imported when it is first asked for: charts need Matplotlib, of the
extra `plot`, and `nn` does not.
"""
