"""What a model must beat: predictors that hear nothing, and linear classifiers on well-known descriptors."""
