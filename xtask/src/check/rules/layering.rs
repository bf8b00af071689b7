//! Arrows point down, and heavy things stay where the table allows them.

use super::{Package, Report, Workspace, floor_of, floors};
use crate::check::floors::Floor;

/// Checks each package's dependencies against the table.
pub fn check(workspace: &Workspace, report: &mut Report) {
    for package in &workspace.packages {
        let Some(floor) = floor_of(package) else {
            let what = format!("`{}` is on no floor", package.name);
            error(
                package,
                report,
                workspace,
                "",
                what,
                "enter it in xtask/src/check/floors.rs and in ARCHITECTURE.md",
            );
            continue;
        };
        for dependency in &package.dependencies {
            arrow(package, floor, &dependency.name, dependency.for_tests, workspace, report);
            if dependency.for_tests {
                system_in_tests(package, &dependency.name, workspace, report);
            } else {
                heavy(package, floor, &dependency.name, workspace, report);
            }
        }
        if floor <= Floor::Mechanism {
            for way in &package.macros {
                let what = format!("`{}` leads to a proc-macro: {}", package.name, way.join(" → "));
                let remedy = "floors 0 to 4 build without proc-macros: write the few lines by hand, or turn the feature off";
                error(package, report, workspace, &way[0], what, remedy);
            }
        }
    }
}

fn arrow(
    package: &Package,
    from: Floor,
    name: &str,
    for_tests: bool,
    workspace: &Workspace,
    report: &mut Report,
) {
    let Some(to) = floors::floor(name) else { return };
    if from == Floor::Beside || for_tests && (to == Floor::Beside || package.name == name) {
        return;
    }
    let listed = floors::SIDEWAYS.iter().any(|(who, whom, _)| (*who, *whom) == (package.name.as_str(), name));
    if to < from || listed {
        return;
    }
    let what = if to == from {
        format!("`{}` uses its neighbour `{name}`", package.name)
    } else if to == Floor::Beside {
        format!("`{}` uses `{name}`, which stands beside the house", package.name)
    } else {
        format!("`{}` ({from:?}) uses `{name}` of a higher floor ({to:?})", package.name)
    };
    error(
        package,
        report,
        workspace,
        name,
        what,
        "move what both need to a lower floor; a neighbour that Windows' mechanism knows too is entered in floors.rs",
    );
}

fn heavy(package: &Package, floor: Floor, name: &str, workspace: &Workspace, report: &mut Report) {
    let listed = |list: &[(&str, &str)]| list.iter().any(|(who, _)| *who == package.name);
    if floors::SYSTEM_CRATES.contains(&name) && !listed(floors::SYSTEM_USERS) {
        let what = format!("`{}` depends on `{name}`", package.name);
        error(
            package,
            report,
            workspace,
            name,
            what,
            "only ennead-sys makes system calls: add what is missing there",
        );
    }
    if floors::RUNTIMES.contains(&name) && floor < Floor::Edge {
        let what = format!("`{}` depends on the async runtime `{name}`", package.name);
        error(
            package,
            report,
            workspace,
            name,
            what,
            "floors 0 to 5 are blocking: put the adapter into ennead-tokio",
        );
    }
    if name == "anyhow" && !floors::PROGRAMS.contains(&package.name.as_str()) {
        let what = format!("the library `{}` depends on anyhow", package.name);
        error(package, report, workspace, name, what, "give the operation an error enum of its own");
    }
}

fn system_in_tests(package: &Package, name: &str, workspace: &Workspace, report: &mut Report) {
    let listed = |list: &[(&str, &str)]| list.iter().any(|(who, _)| *who == package.name);
    if floors::SYSTEM_CRATES.contains(&name)
        && !listed(floors::SYSTEM_TESTERS)
        && !listed(floors::SYSTEM_USERS)
    {
        let what = format!("the tests of `{}` depend on `{name}`", package.name);
        error(
            package,
            report,
            workspace,
            name,
            what,
            "use ennead-sys, or enter the crate with a reason in SYSTEM_TESTERS of floors.rs",
        );
    }
}

/// Reports at the line of the manifest that names the dependency.
fn error(
    package: &Package,
    report: &mut Report,
    workspace: &Workspace,
    name: &str,
    what: String,
    remedy: &'static str,
) {
    let path = package.folder.join("Cargo.toml");
    let line = workspace.files.get(&path).and_then(|text| {
        let starts = |line: &str| {
            line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        (!name.is_empty()).then(|| text.lines().position(starts)).flatten()
    });
    report.error("layering", &path, line.map_or(1, |line| line + 1), what, remedy);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rules::fixture::Fixture;

    #[test]
    fn downwards_is_allowed() {
        Fixture::default()
            .package(
                "ennead-pipe",
                &["ennead-channel", "ennead-status", "tracing"],
                &["ennead-conformance", "tokio"],
            )
            .package("ennead-rpc", &["ennead-pipe"], &[])
            .package("ennead-bench", &["tokio", "ennead-sys", "libc"], &[])
            .finds(check, &[]);
    }

    #[test]
    fn unknown_crates_are_refused() {
        Fixture::default().package("ennead-attic", &[], &[]).finds(check, &["`ennead-attic` is on no floor"]);
    }

    #[test]
    fn upwards_and_sideways_are_refused() {
        Fixture::default()
            .file("crates/ennead-channel/Cargo.toml", "[package]\n\n[dependencies]\nennead-pipe.workspace = true\n")
            .package("ennead-channel", &["ennead-pipe", "ennead-bench"], &[])
            .package("ennead-pipe", &["ennead-rpc"], &["ennead"])
            .finds(
                check,
                &[
                    "ennead-channel/Cargo.toml:4 layering `ennead-channel` (Ground) uses `ennead-pipe` of a higher",
                    "uses `ennead-bench`, which stands beside",
                    "uses its neighbour `ennead-rpc`",
                    "uses `ennead` of a higher floor",
                ],
            );
    }

    #[test]
    fn system_crates_runtimes_and_anyhow_stay_where_they_belong() {
        Fixture::default().package("ennead-namespace", &["rustix", "tokio", "anyhow"], &["libc"]).finds(
            check,
            &[
                "depends on `rustix`",
                "async runtime `tokio`",
                "depends on anyhow",
                "tests of `ennead-namespace`",
            ],
        );
    }

    #[test]
    fn proc_macros_stay_above() {
        let way = vec!["serde".to_owned(), "serde_derive".to_owned()];
        Fixture::default()
            .package("ennead-status", &["serde"], &[])
            .change(|package| package.macros = vec![way.clone()])
            .package("ennead-cli", &["serde"], &[])
            .change(|package| package.macros = vec![way.clone()])
            .finds(check, &["leads to a proc-macro: serde → serde_derive"]);
    }
}
