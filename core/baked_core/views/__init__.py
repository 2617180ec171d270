"""Views: each answers one kind of request with a frozen Page; none of them renders."""
