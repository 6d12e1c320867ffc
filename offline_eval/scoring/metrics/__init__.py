"""Measures between what people heard and what a model read, by topic.

Each topic's module has functions of [N, classes] arrays that give one number per utterance, and the pair `terms` and
`values`: what each utterance adds to a sum, and the measures that follow from such sums. A bootstrap then only adds up
what whole clusters of utterances contribute. Measures of ranks have no such sums; they take weights instead (`ranks`).
"""
