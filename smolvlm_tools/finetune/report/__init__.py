"""What a person looks at: the run's log and curve, and what training has changed.

StepRecord -> log (log.jsonl), board (TensorBoard), curve (loss.png)
held-out samples, a model before and after -> answers -> scores -> report (md, json, samples.png)
"""
