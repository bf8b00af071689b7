//! The words that every open speaks: reading a descriptor, checking it, folding a name. And the payload's pattern,
//! whose own cost is part of every figure of the pipe bench.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ennead_bench::pattern::{self, Direction};
use ennead_namespace::{Case, Name};
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Token, access_check};

const SDDL: &str = "O:S-1-22-1-1000G:S-1-22-2-1000D:(D;;GW;;;S-1-22-2-20)(A;;GA;;;S-1-22-1-1000)(A;;GRGW;;;S-1-22-2-1000)\
                    (A;;GR;;;WD)";

fn security(bench: &mut Criterion) {
    bench.bench_function("sddl parse", |b| b.iter(|| black_box(SDDL).parse::<SecurityDescriptor>()));
    let descriptor: SecurityDescriptor = SDDL.parse().expect("a valid descriptor");
    bench.bench_function("sddl print", |b| b.iter(|| black_box(&descriptor).to_string()));
    let (owner, stranger) = (Token::unix(1000, &[1000]), Token::unix(2000, &[2000, 4, 24, 27, 30, 46]));
    let mapping = &GenericMapping::FILE;
    bench.bench_function("access check, owner", |b| {
        b.iter(|| access_check(black_box(&descriptor), &owner, AccessMask::GENERIC_WRITE, mapping).is_ok());
    });
    bench.bench_function("access check, stranger", |b| {
        b.iter(|| {
            access_check(black_box(&descriptor), &stranger, AccessMask::GENERIC_WRITE, mapping).is_ok()
        });
    });
}

fn names(bench: &mut Criterion) {
    for (what, text) in [("ascii", r"Contoso\Spreadsheet.4711"), ("greek", "Ὀδυσσεὺς πολύτροπος")]
    {
        bench.bench_function(&format!("pipe name to file name, {what}"), |b| {
            b.iter(|| Name::new(black_box(text)).map(|name| name.file_name(Case::Folds)));
        });
    }
}

fn payload(bench: &mut Criterion) {
    for length in [64, 1024, 64 * 1024] {
        let mut group = bench.benchmark_group(format!("pattern {length} B"));
        group.throughput(Throughput::Bytes(length as u64));
        let mut buffer = vec![0; length];
        group.bench_function("fill", |b| {
            b.iter(|| pattern::fill(black_box(&mut buffer), 7, Direction::ToServer));
        });
        group.bench_function("check", |b| {
            b.iter(|| pattern::check(black_box(&buffer), 7, Direction::ToServer).is_ok());
        });
    }
}

criterion_group!(benches, security, names, payload);
criterion_main!(benches);
