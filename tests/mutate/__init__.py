"""Mutation tests: break the formulas of the losses on purpose, and see whether the tests notice."""
