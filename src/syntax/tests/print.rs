//! Trees in prefix form, short enough to compare by eye.

use crate::syntax::ast::*;

pub fn expr(e: &Expr) -> String {
    let all = |list: &[Expr]| list.iter().map(expr).collect::<Vec<_>>().join(" ");
    let not = |negated: &bool| if *negated { "not-" } else { "" };
    match &*e.kind {
        ExprKind::Number(n) => number(n),
        ExprKind::Text(t) => format!("{t:?}"),
        ExprKind::Bool(b) => if *b { "yes" } else { "no" }.into(),
        ExprKind::Date(d) => d.to_string(),
        ExprKind::Instant(InstantLiteral::Local(t)) => t.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
        ExprKind::Instant(InstantLiteral::WithOffset(t)) => t.to_rfc3339(),
        ExprKind::Duration(d) => duration(d),
        ExprKind::Name(p) => path(p),
        ExprKind::Unary { op, operand } => format!("({op:?} {})", expr(operand)),
        ExprKind::Binary { op, left, right, .. } => format!("({op:?} {} {})", expr(left), expr(right)),
        ExprKind::Logic { op, operands } => format!("({op:?} {})", all(operands)),
        ExprKind::Between { value, ends, negated } => {
            format!("({}between {} {})", not(negated), expr(value), all(&**ends))
        }
        ExprKind::InList { value, list, negated } => {
            format!("({}in {} [{}])", not(negated), expr(value), all(list))
        }
        ExprKind::InSource(list) => {
            let InSource { value, column, filter, negated } = &**list;
            format!("({}in-source {} {} where {})", not(negated), expr(value), path(column), expr(filter))
        }
        ExprKind::TextTest { test, value, pattern, negated } => {
            format!("({}{test:?} {} {})", not(negated), expr(value), expr(pattern))
        }
        ExprKind::IsMissing { value, negated } => format!("({}missing {})", not(negated), expr(value)),
        ExprKind::Case { branches, otherwise } => {
            let branches: String =
                branches.iter().map(|(when, then)| format!(" {}:{}", expr(when), expr(then))).collect();
            let otherwise = otherwise.as_ref().map_or(String::new(), |e| format!(" else:{}", expr(e)));
            format!("(case{branches}{otherwise})")
        }
        ExprKind::Call(call) => {
            let Call { function, arguments, clauses } = &**call;
            format!("{}({}{})", function.text, all(arguments), clauses.iter().map(clause).collect::<String>())
        }
        ExprKind::Elapsed { unit, until, moment } => {
            format!("({unit:?}s-{} {})", if *until { "until" } else { "since" }, expr(moment))
        }
        ExprKind::Outside(name) => format!("(outside {})", name.text),
        ExprKind::OnDate { value, date } => format!("(on {} {})", expr(value), expr(date)),
        ExprKind::Happened { steps, clauses } => {
            let steps: Vec<String> = steps.iter().map(step).collect();
            format!("happened({}{})", steps.join(" > "), clauses.iter().map(clause).collect::<String>())
        }
        ExprKind::Error => "ERROR".into(),
    }
}

pub fn number(n: &Number) -> String {
    format!(
        "{}{}{}",
        n.digits,
        if n.scale > 0 { format!("e-{}", n.scale) } else { String::new() },
        if n.has_point { "d" } else { "" }
    )
}

fn duration(d: &Duration) -> String {
    format!("{}{:?}", d.amount, d.unit)
}

fn path(p: &Path) -> String {
    p.parts.iter().map(|i| i.text.as_str()).collect::<Vec<_>>().join(".")
}

fn step(s: &SequenceStep) -> String {
    let not = if s.negated { "not " } else { "" };
    let filter = s.filter.as_ref().map_or(String::new(), |f| format!(" where {}", expr(f)));
    let within = s.within.as_ref().map_or(String::new(), |d| format!(" within {}", duration(d)));
    format!("{not}{}{filter}{within}", s.source.text)
}

pub fn clause(c: &CallClause) -> String {
    match c {
        CallClause::Window(w) => format!(" <{}>", window(&w.kind)),
        CallClause::Where(e, _) => format!(" where {}", expr(e)),
        CallClause::Within(list, _) => {
            format!(" within {}", list.iter().map(expr).collect::<Vec<_>>().join(","))
        }
        CallClause::In(name, _) => format!(" in {}", name.text),
        CallClause::TiesTogether(_) => " ties".into(),
    }
}

pub fn window(kind: &WindowKind) -> String {
    match kind {
        WindowKind::Last { length, ending: None } => format!("last {}", duration(length)),
        WindowKind::Last { length, ending: Some(e) } => {
            format!("last {} ending {}", duration(length), duration(e))
        }
        WindowKind::Calendar { previous, unit } => {
            format!("{} {unit:?}", if *previous { "previous" } else { "this" })
        }
        WindowKind::LastUnit(unit) => format!("last {unit:?}"),
        WindowKind::FromTo { from, to } => format!("from {} to {}", expr(from), expr(to)),
        WindowKind::Since(e) => format!("since {}", expr(e)),
        WindowKind::Before(e) => format!("before {}", expr(e)),
        WindowKind::On(e) => format!("on {}", expr(e)),
        WindowKind::WithinAfter { length, anchor } => {
            format!("within {} after {}", duration(length), expr(anchor))
        }
        WindowKind::DaysAfter { first, last, anchor } => {
            format!("days {first}-{last} after {}", expr(anchor))
        }
        WindowKind::After(e) => format!("after {}", expr(e)),
    }
}
