"""The words of the domain as frozen values and pure rules; standard library only."""
