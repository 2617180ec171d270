"""Machines: how an app of Fly is made of machines, and which of them visitors reach."""
