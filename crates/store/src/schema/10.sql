-- The campaign that this one was taken for before the two were parted.
ALTER TABLE campaigns ADD COLUMN parted_from INTEGER;
