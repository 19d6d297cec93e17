"""What Bellwether reports of a capture beside what tshark and the RFCs make of it (scripts/compare-tshark)."""
