"""What the product is compared with: one short file each, started like an app."""
