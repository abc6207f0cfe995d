//! `segue demo`: the bank, and on request its first run.

use super::arguments::{Common, Demo, OutputFormat, Run};
use super::print::Printer;
use crate::demo::{self, DemoOptions};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::SourceMap;
use crate::value::group;

pub fn demo(common: &Common, demo: &Demo, printer: &Printer) -> u8 {
    let options = DemoOptions { customers: demo.customers, seed: demo.seed, ..DemoOptions::default() };
    if demo::is_complete(&demo.dir, &options) {
        printer.note(&format!("the bank in {} is complete", demo.dir.display()));
    } else {
        let meter = printer.meter();
        let made = demo::generate(&demo.dir, &options, &mut |table, done, all| {
            meter.say(&format!("{table}: {} of {} rows", group(&done.to_string()), group(&all.to_string())));
        });
        meter.clear();
        match made {
            Ok(summary) => {
                let rows: u64 = summary.files.iter().map(|(_, rows)| rows).sum();
                printer.note(&format!(
                    "made a bank in {}: {} customers, {} rows in {} files, as of {}",
                    demo.dir.display(),
                    group(&demo.customers.to_string()),
                    group(&rows.to_string()),
                    summary.files.len(),
                    options.as_of
                ));
                for kept in &summary.kept {
                    printer.note(&format!("{kept} was changed by hand and stays as it is"));
                }
            }
            Err(error) => {
                let d = Diagnostic::new(Code::CannotWrite, error.to_string());
                return printer.findings(&[d], &SourceMap::default());
            }
        }
    }
    if !demo.run {
        printer.note(&format!(
            "next: segue run {} --as-of {}",
            demo.dir.join("retail.seg").display(),
            options.as_of
        ));
        return 0;
    }
    let common =
        Common { as_of: common.as_of.clone().or_else(|| Some(options.as_of.to_string())), ..common.clone() };
    let run = Run {
        files: vec![demo.dir.join("retail.seg")],
        text: None,
        only: Vec::new(),
        out: None,
        format: OutputFormat::Table,
        strict: false,
    };
    super::run::run(&common, &run, printer)
}
