"""What is true without a computer: money, time, prices, terms, invoices. Standard library only."""
