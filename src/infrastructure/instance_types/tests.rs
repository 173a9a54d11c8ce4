//! The table that is shipped, lines and lookups, and what the cloud told.

use std::num::NonZeroU32;
use std::path::Path;

use proptest::prelude::*;

use super::{KnownInstanceTypes, line, table};
use crate::application::ports::InstanceTypes;
use crate::domain::template::{Architecture, Gpus, InstanceShape};

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn lines_shipped() -> Vec<&'static str> {
    let text = std::str::from_utf8(table::SHIPPED).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

fn put(work: &Path, text: &[u8]) {
    let path = work.join("data/instance_types.tsv");
    crate::infrastructure::files::private_folder(path.parent().unwrap()).unwrap();
    crate::infrastructure::files::write_atomic(&path, text, crate::infrastructure::files::Durability::Relaxed).unwrap();
}

fn read(line: &str) -> InstanceShape {
    line::read(line).unwrap()
}

#[test]
fn the_shipped_table_is_sorted_and_whole_and_says_where_it_is_from() {
    let text = std::str::from_utf8(table::SHIPPED).unwrap();
    assert!(text.starts_with("# EC2 instance types, made by scripts/instance-types.py") && text.ends_with('\n'));
    let lines = lines_shipped();
    assert!(lines.len() > 1300, "{}", lines.len());
    assert!(table::is_in_order(table::SHIPPED));
    assert_eq!(table::mended(table::SHIPPED).1, 0);
    for line in lines {
        let shape = read(line);
        assert_eq!(line::write(&shape), line, "written as the script writes it");
        assert_eq!(table::shipped(&shape.name).as_ref(), Some(&shape), "{line}");
        assert!((1..=2).contains(&shape.threads_per_core()), "{line}");
        assert!(shape.baseline_bandwidth <= shape.peak_bandwidth, "{line}");
    }
}

#[test]
fn the_shipped_table_knows_types_as_aws_describes_them() {
    let shape = |name: &str| table::shipped(name).unwrap();
    let usual = shape("m6i.large");
    assert_eq!((usual.vcpus.get(), usual.cores.get(), usual.memory.get()), (2, 1, 8192));
    assert_eq!((usual.architecture, usual.efa_interfaces, usual.gpus), (Architecture::X86_64, 0, None));
    assert_eq!((usual.baseline_bandwidth, usual.peak_bandwidth), (Some(number(781)), Some(number(12_500))));
    let arm = shape("m6g.large");
    assert_eq!((arm.vcpus.get(), arm.cores.get(), arm.architecture), (2, 2, Architecture::Arm64));
    let large = shape("p5.48xlarge");
    assert_eq!((large.network_cards.get(), large.efa_interfaces), (32, 32));
    assert_eq!(large.baseline_bandwidth, Some(number(3_200_000)));
    assert_eq!(large.gpus, Some(Gpus { count: number(8), memory: 81_920, model: "NVIDIA H100".to_owned() }));
}

#[test]
fn what_is_not_in_the_table_is_not_found() {
    for name in ["", "#", "# EC2", "a", "a1.", "m6i.larg", "m6i.largest", "m6i.large\t2", "zz.large", "\u{e9}"] {
        assert_eq!(table::shipped(name), None, "{name}");
    }
    for text in ["", "\n", "\n\n\n", "a.b", "\t\n\t"] {
        assert_eq!(table::find(text.as_bytes(), "a.b"), None, "{text:?}");
    }
    let line = "a.b\t1\t1\t1\tx86_64";
    for text in [line.to_owned(), format!("{line}\n"), format!("{line}\r\n"), format!("# c\n{line}\nz.z\t")] {
        assert_eq!(table::find(text.as_bytes(), "a.b"), Some(read(line)), "{text:?}");
    }
}

#[test]
fn a_damaged_line_is_no_type() {
    for line in [
        "",
        "a.b",
        "ab\t2\t1\t8\tx86_64",
        "a.b\t2\t1\t8",
        "a.b\t2\t1\t8\tmips",
        "a.b\t0\t1\t8\tx86_64",
        "a.b\t3\t2\t8\tx86_64",
        "a.b\t2\t1\t0\tx86_64",
        "a.b\t2\t1\t8 \tx86_64",
        "a.b\t2\t1\t8\tx86_64\tfast",
        "a.b\t2\t1\t8\tx86_64\t1\t1\t0",
        "a.b\t2\t1\t8\tx86_64\t\t\t\t\t1",
        "a.b\t2\t1\t8\tx86_64\t\t\t\t\t1\t8",
        "a.b\t2\t1\t8\tx86_64\t\t\t\t\t1\t8\tx\ty",
    ] {
        assert_eq!(line::read(line), None, "{line:?}");
    }
}

#[test]
fn what_the_cloud_told_counts_before_what_is_shipped_and_for_later_processes() {
    let work = tempfile::tempdir().unwrap();
    let before = KnownInstanceTypes::new(work.path());
    assert_eq!(before.shape("m6i.large").unwrap().memory.get(), 8192);
    let told = [read("x9.large\t4\t2\t1024\tarm64"), read("m6i.large\t2\t1\t4096\tx86_64")];
    before.keep(&told).unwrap();
    assert_eq!(before.shape("x9.large"), None, "the file is read once in a process");
    let after = KnownInstanceTypes::new(work.path());
    assert_eq!(after.shape("x9.large").as_ref(), Some(&told[0]));
    assert_eq!(after.shape("m6i.large").as_ref(), Some(&told[1]));
    assert_eq!(after.shape("m6i.xlarge").unwrap().memory.get(), 16384, "the rest is as it is shipped");
    after.keep(&[]).unwrap();
    assert_eq!(KnownInstanceTypes::new(work.path()).shape("x9.large"), None, "what was kept before is replaced");
}

#[test]
fn what_could_not_be_read_back_is_not_kept_and_the_first_of_two_counts() {
    let good = read("a.b\t2\t1\t8\tx86_64");
    let mut shapes = vec![good.clone(), read("a.b\t4\t2\t8\tx86_64")];
    for name in ["c.d\te", "c.d\n", "cd"] {
        shapes.push(InstanceShape { name: name.to_owned(), ..good.clone() });
    }
    shapes.push(InstanceShape { vcpus: number(3), cores: number(2), name: "e.f".to_owned(), ..good });
    assert_eq!(table::text(&shapes), "a.b\t2\t1\t8\tx86_64\n");
}

#[test]
fn damaged_lines_are_skipped_and_hide_no_good_one() {
    let work = tempfile::tempdir().unwrap();
    let good = ["x1.a\t1\t1\t1\tx86_64", "x2.a\t1\t1\t2\tx86_64", "x3.a\t1\t1\t3\tx86_64", "m6i.large\t9"];
    // Out of order, cut, not text, empty, a comment.
    for text in [
        [good[2], good[1], good[0], good[3]].join("\n").into_bytes(),
        [good[3], "zzz", good[0], "", good[1], good[2]].join("\n").into_bytes(),
        ["# a", "# A", "", good[0], "# c", "# d", "# e", good[1], good[2], good[3]].join("\n").into_bytes(),
        [b"\xff\xfe\t\n".as_slice(), good.join("\n\n").as_bytes(), b"\nq\t\xff"].concat(),
    ] {
        put(work.path(), &text);
        let known = KnownInstanceTypes::new(work.path());
        for (at, name) in ["x1.a", "x2.a", "x3.a"].into_iter().enumerate() {
            assert_eq!(known.shape(name), Some(read(good[at])), "{name} in {text:?}");
        }
        assert_eq!(known.shape("m6i.large").unwrap().memory.get(), 8192, "a damaged line gives way to what is shipped");
        assert_eq!(known.shape("x4.a"), None);
    }
}

#[test]
fn a_file_that_cannot_be_believed_leaves_what_is_shipped() {
    let is_known = |work: &Path| KnownInstanceTypes::new(work).shape("m6i.large").unwrap().memory.get() == 8192;
    assert!(is_known(Path::new("")) && is_known(Path::new("/nowhere")));
    let work = tempfile::tempdir().unwrap();
    put(work.path(), &vec![b'a'; (4 << 20) + 1]);
    assert!(is_known(work.path()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        put(work.path(), b"m6i.large\t2\t1\t1\tx86_64\n");
        assert!(!is_known(work.path()));
        let path = work.path().join("data/instance_types.tsv");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(is_known(work.path()), "others could have written it");
    }
    assert!(KnownInstanceTypes::new("").keep(&[]).is_err());
}

prop_compose! {
    fn shapes()(
        name in "[a-z][a-z0-9-]{0,6}\\.[a-z0-9-]{1,8}",
        (cores, threads, memory) in (1_u32..1000, 1_u32..9, 1_u32..),
        arm in any::<bool>(),
        (baseline, peak, cards, efa) in (0_u32.., 0_u32.., 1_u32.., 0_u32..),
        gpus in proptest::option::of((1_u32.., any::<u32>(), "[A-Za-z0-9 ]{0,12}")),
    ) -> InstanceShape {
        InstanceShape {
            name,
            vcpus: number(cores * threads),
            cores: number(cores),
            memory: number(memory),
            architecture: if arm { Architecture::Arm64 } else { Architecture::X86_64 },
            baseline_bandwidth: NonZeroU32::new(baseline),
            peak_bandwidth: NonZeroU32::new(peak),
            network_cards: number(cards),
            efa_interfaces: efa,
            gpus: gpus.map(|(count, memory, model)| Gpus { count: number(count), memory, model }),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_found_again(all in proptest::collection::vec(shapes(), 0..40)) {
        let text = table::text(&all);
        for shape in &all {
            for name in [shape.name.clone(), format!("{}-", shape.name)] {
                let first = all.iter().find(|other| other.name == name).cloned();
                prop_assert_eq!(table::find(text.as_bytes(), &name), first);
            }
        }
        prop_assert!(table::is_in_order(text.as_bytes()));
        prop_assert_eq!(table::mended(text.as_bytes()), (text.into_bytes(), 0));
    }

    #[test]
    fn whatever_is_in_a_table_a_lookup_ends_with_the_type_that_was_asked_for(
        bytes in "[ab.\\t\\n0-9x#]{0,80}",
        name in "[ab]{1,2}\\.[ab]",
    ) {
        let found = table::find(bytes.as_bytes(), &name);
        prop_assert!(found.is_none_or(|shape| shape.name == name));
        let (mended, _) = table::mended(bytes.as_bytes());
        prop_assert_eq!(table::mended(&mended).1, 0);
    }
}
