//! What a layer may be at most.

/// Limits that a layer must keep: they bound what a decompression bomb or a forged archive can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uncompressed tar.
    pub tar_size: u64,
    /// How many times larger than the blob the tar may be, once it is larger than [`Self::ratio_from`].
    pub ratio: u64,
    /// Bytes of tar below which the ratio is not looked at: small archives of zeros compress 1,000 fold.
    pub ratio_from: u64,
    /// Entries of the tar.
    pub entries: u64,
    /// Bytes of a whole path (`PATH_MAX`).
    pub path_len: usize,
    /// Depth of a path in components.
    pub depth: usize,
    /// Bytes of one extended header (PAX record block, GNU long name, GNU sparse map).
    pub extension_size: u64,
    /// Apparent size of one file: a sparse file can be larger than the tar that holds it.
    pub file_size: u64,
}

impl Default for Limits {
    /// Far above the images people make (the largest public ones have 60 GiB and a million files).
    fn default() -> Self {
        Self {
            tar_size: 256 << 30,
            // DEFLATE cannot exceed 1,032; zstd can. 16 GiB of zeros in a 1 MiB blob is a bomb, 1 GiB is a silly layer.
            ratio: 1_100,
            ratio_from: 1 << 30,
            entries: 8_000_000,
            path_len: 4_096,
            depth: 512,
            extension_size: 1 << 20,
            file_size: 1 << 42,
        }
    }
}
