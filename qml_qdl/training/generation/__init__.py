"""Training of models that draw samples: learners, measures, report and pictures."""
