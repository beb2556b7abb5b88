//! The twelve hash functions of twemproxy: bytes in, 32 bits out.
//!
//! They decide where every stored key lies, so each bit is as in twemproxy, weaknesses and mistakes
//! included. Two things are common:
//!
//! * **Sign extension.** twemproxy reads keys through `char *`, and on x86-64 a `char` is signed:
//!   some functions add the byte 0xff as 0xffffffff. Those call `sign_extended`; the others read
//!   unsigned bytes. On machines with unsigned chars twemproxy itself gives other hashes for bytes
//!   from 0x80 up. We give the hashes of x86-64 on every machine.
//! * **32 bits.** All arithmetic wraps at 32 bits, the 64-bit FNV variants and the 16-bit CRC too.
//!
//! A function is looked up by name once, when configuration loads, and is a plain function
//! pointer from then on. The functions also hash the empty text, but routing never calls them for
//! it: twemproxy gives an empty key the hash 0 (see `Router`).

mod bytes;
mod crc16;
mod crc32;
mod fnv;
mod hsieh;
mod jenkins;
mod md5;
mod murmur;
mod one_at_a_time;

/// A hash function and its name in the configuration.
#[derive(Debug)]
pub struct Hash {
    pub name: &'static str,
    /// One line for help and reference.
    pub about: &'static str,
    pub function: fn(&[u8]) -> u32,
    /// The largest value it can return. Shares of the hash space are counted up to here.
    pub max: u32,
}

/// By name: each name has one row.
impl PartialEq for Hash {
    fn eq(&self, other: &Hash) -> bool {
        self.name == other.name
    }
}

impl Eq for Hash {}

/// Sorted by name.
pub static HASHES: [Hash; 12] = [
    Hash {
        name: "crc16",
        about: "CRC-16/XMODEM in a register of 32 bits that is never cut to 16",
        function: crc16::crc16,
        max: u32::MAX,
    },
    Hash {
        name: "crc32",
        about: "15 bits of CRC-32, as in libmemcached; with ketama one or two servers get all keys",
        function: crc32::crc32,
        max: crc32::CRC32_MAX,
    },
    Hash {
        name: "crc32a",
        about: "the usual CRC-32, all 32 bits",
        function: crc32::crc32a,
        max: u32::MAX,
    },
    Hash { name: "fnv1_32", about: "FNV-1, 32 bits", function: fnv::fnv1_32, max: u32::MAX },
    Hash {
        name: "fnv1_64",
        about: "FNV-1, the low 32 of 64 bits",
        function: fnv::fnv1_64,
        max: u32::MAX,
    },
    Hash { name: "fnv1a_32", about: "FNV-1a, 32 bits", function: fnv::fnv1a_32, max: u32::MAX },
    Hash {
        name: "fnv1a_64",
        about: "FNV-1a, the low 32 of 64 bits; the default, but it spreads keys badly if only their ends differ",
        function: fnv::fnv1a_64,
        max: u32::MAX,
    },
    Hash {
        name: "hsieh",
        about: "Paul Hsieh's SuperFastHash with the seed 0",
        function: hsieh::hsieh,
        max: u32::MAX,
    },
    Hash {
        name: "jenkins",
        about: "Bob Jenkins' lookup3 with the seed 13",
        function: jenkins::jenkins,
        max: u32::MAX,
    },
    Hash {
        name: "md5",
        about: "the first 32 bits of MD5; the slowest and the most even",
        function: md5::md5,
        max: u32::MAX,
    },
    Hash {
        name: "murmur",
        about: "MurmurHash2 with a seed made of the length",
        function: murmur::murmur,
        max: u32::MAX,
    },
    Hash {
        name: "one_at_a_time",
        about: "Bob Jenkins' one-at-a-time",
        function: one_at_a_time::one_at_a_time,
        max: u32::MAX,
    },
];

/// The slot of a key in Redis Cluster, with its hash tag `{}`. For CLUSTER KEYSLOT.
pub fn cluster_slot(key: &[u8]) -> u32 {
    const SLOTS: u32 = 16_384;
    let tag = super::HashTag { open: b'{', close: b'}' };
    crc16::crc16(tag.part(key)) % SLOTS
}

pub fn by_name(name: &str) -> Option<&'static Hash> {
    HASHES.iter().find(|hash| hash.name == name)
}

#[cfg(test)]
mod tests {
    use super::{HASHES, by_name};

    #[test]
    fn the_table_is_sorted_and_described() {
        assert!(HASHES.windows(2).all(|pair| pair[0].name < pair[1].name));
        for hash in &HASHES {
            assert!(!hash.about.is_empty() && !hash.about.ends_with('.'), "{}", hash.name);
            assert_eq!(by_name(hash.name), Some(hash));
            assert!((hash.function)(b"some key") <= hash.max);
        }
        assert_eq!(by_name("FNV1A_64"), None, "names are lower case");
        assert_eq!(by_name(""), None);
    }

    /// A few vectors; the long list is in `testdata/`.
    #[test]
    fn five_keys_through_all_twelve() {
        let keys: [&[u8]; 5] = [b"", b"foo", b"\xff\x80", b"caf\xc3\xa9", b"user:1000:{profile}"];
        let expected: [(&str, [u32; 5]); 12] = [
            ("one_at_a_time", [0, 596_015_325, 3_637_588_423, 3_650_908_318, 3_398_581_340]),
            ("md5", [3_649_838_548, 3_675_831_724, 82_539_146, 3_833_532_679, 2_694_423_911]),
            ("crc16", [0, 205_303_702, 2_003_575, 4_129_724_007, 4_138_783_457]),
            ("crc32", [0, 3187, 16197, 6317, 17129]),
            ("crc32a", [0, 2_356_372_769, 1_061_514_413, 2_561_491_637, 3_270_070_436]),
            (
                "fnv1_64",
                [2_216_829_733, 1_805_727_027, 3_035_328_992, 2_315_714_289, 1_772_634_792],
            ),
            ("fnv1a_64", [2_216_829_733, 4_275_688_823, 3_035_557_738, 3_472_276_361, 256_633_362]),
            ("fnv1_32", [2_166_136_261, 1_083_137_555, 309_762_336, 3_598_905_713, 888_768_840]),
            ("fnv1a_32", [2_166_136_261, 2_851_307_223, 1_400_454_730, 1_970_454_601, 94_752_914]),
            ("hsieh", [0, 1_993_659_431, 3_181_452_272, 3_728_705_621, 3_571_201_708]),
            ("murmur", [0, 3_303_027_599, 1_759_350_492, 3_658_586_143, 3_651_474_076]),
            (
                "jenkins",
                [3_735_928_572, 2_583_187_353, 2_875_642_111, 3_412_207_021, 1_527_467_182],
            ),
        ];
        for (name, hashes) in expected {
            let hash = by_name(name).unwrap();
            assert_eq!(keys.map(hash.function), hashes, "{name}");
        }
    }
}
