"""Systems side by side in folds by speaker: baselines, recipes, finished models."""
