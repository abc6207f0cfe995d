//! A page of cases or of the specification: Markdown read into scripts, tables and expectations.

/// One Markdown file: one feature.
pub struct Page {
    pub name: String,
    /// Loaded before every case's own script.
    pub prelude: String,
    /// Written for every case that has no table of the same name.
    pub tables: Vec<Block>,
    pub cases: Vec<Case>,
}

/// One `## heading`.
#[derive(Default)]
pub struct Case {
    pub name: String,
    /// The heading's line in the page.
    pub line: usize,
    pub known_bug: Option<String>,
    pub as_of: Option<String>,
    pub set: Vec<(String, String)>,
    /// Stands without the page's prelude.
    pub alone: bool,
    pub script: String,
    pub tables: Vec<Block>,
    pub expects: Vec<Block>,
}

/// A fenced block: the words behind its first, and its lines.
#[derive(Clone)]
pub struct Block {
    pub kind: String,
    /// `members rich as of 2026-10-31`
    pub info: String,
    pub lines: Vec<String>,
    pub line: usize,
}

pub const AS_OF: &str = "2026-10-31";

/// The heading behind the cases of a page of the specification: decisions, and no case.
pub const DECIDED: &str = "Decided";

/// What a page is made of, in its order.
pub enum Piece {
    /// One line outside of blocks, with its number.
    Line(usize, String),
    Block(Block),
}

pub fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            found.push(Piece::Line(at + 1, line.to_string()));
            continue;
        };
        let (kind, info) = info.trim().split_once(' ').unwrap_or((info.trim(), ""));
        let body: Vec<String> =
            lines.by_ref().map(|(_, l)| l).take_while(|l| *l != "```").map(str::to_string).collect();
        let block = Block { kind: kind.into(), info: info.trim().into(), lines: body, line: at + 1 };
        found.push(Piece::Block(block));
    }
    found
}

pub fn read(name: &str, text: &str) -> Page {
    let mut page =
        Page { name: name.to_string(), prelude: String::new(), tables: Vec::new(), cases: Vec::new() };
    for piece in pieces(text) {
        let (at, line) = match piece {
            Piece::Block(block) => {
                page.put(block);
                continue;
            }
            Piece::Line(at, line) => (at, line),
        };
        if let Some(title) = line.strip_prefix("## ") {
            if title == DECIDED {
                break;
            }
            page.cases.push(Case { name: title.trim().to_string(), line: at, ..Case::default() });
        } else if let Some(case) = page.cases.last_mut() {
            if let Some(bug) = line.strip_prefix("known bug: ") {
                case.known_bug = Some(bug.to_string());
            } else if let Some(day) = line.strip_prefix("as of ") {
                case.as_of = Some(day.trim().to_string());
            } else if let Some((name, value)) = line.strip_prefix("set ").and_then(|l| l.split_once('=')) {
                case.set.push((name.to_string(), value.to_string()));
            }
        }
    }
    page
}

impl Page {
    fn put(&mut self, block: Block) {
        let at = format!("{}, line {}", self.name, block.line);
        let script = block.lines.join("\n") + "\n";
        match (block.kind.as_str(), self.cases.last_mut()) {
            ("seg", None) => self.prelude.push_str(&script),
            ("seg", Some(case)) => {
                case.alone = block.info == "alone";
                case.script.push_str(&script);
            }
            ("table" | "file", None) => self.tables.push(block),
            ("table" | "file", Some(case)) => case.tables.push(block),
            ("expect", Some(case)) => case.expects.push(block),
            // For the reader alone. Those of `segue` are run by `pages.rs`.
            ("segue" | "segue-script" | "text" | "console", None) => {}
            (other, _) => panic!("{at}: a block `{other}` cannot stand here"),
        }
    }
}
