//! The cells against plain arithmetic, with numbers that do not fit them; rows of keys against a map.

use super::hashed::{Hashed, New};
use super::keys::{Found, Keys, NOBODY};
use super::near::{MOST, Near};
use super::pass::{Condition, Selection};
use super::rows::{Arrived, Chosen, Who};
use super::slots::{Finish, Op, Slot, Slots};
use super::stripes::{Closed, Span, Stripes};
use super::table::Batch;
use super::taken::{Choices, Chooser, NEVER};
use super::values::Values;
use crate::functions::AggregateFn;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, DictionaryArray, Int32Array, Int64Array,
    LargeStringArray, RecordBatch, StringArray, StringViewArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, binary, col, is_null, lit};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

const ROWS: usize = 7;

struct Event {
    row: u32,
    value: Option<i64>,
}

fn events(draw: &mut ChaCha8Rng, count: usize, largest: i64) -> Vec<Event> {
    let event = |draw: &mut ChaCha8Rng| Event {
        // Row 6 has no events, row 5 has none with a value.
        row: if draw.random_bool(0.1) { NOBODY } else { draw.random_range(0..6) },
        value: None,
    };
    (0..count)
        .map(|_| {
            let event = event(draw);
            let value = match draw.random_range(0..10) {
                _ if event.row == 5 => None,
                0 => None,
                1 => Some(largest),
                2 => Some(-largest),
                _ => Some(draw.random_range(-largest..=largest)),
            };
            Event { value, ..event }
        })
        .collect()
}

fn slots(narrow: bool) -> (Arc<Slots>, Vec<Finish>) {
    let mut slots = Slots::default();
    let mut place =
        |op, argument| slots.place(Slot { op, argument, selection: 0, bands: None, narrow }, &None).unwrap();
    let money = Some(DataType::Decimal128(18, 2));
    let finish = vec![
        Finish::new(AggregateFn::Count, vec![place(Op::Count, None)], None).unwrap(),
        Finish::new(AggregateFn::Sum, vec![place(Op::Sum, Some(0))], money.clone()).unwrap(),
        Finish::new(AggregateFn::Min, vec![place(Op::Min, Some(0))], money.clone()).unwrap(),
        Finish::new(AggregateFn::Max, vec![place(Op::Max, Some(0))], money).unwrap(),
    ];
    slots.settle();
    (Arc::new(slots), finish)
}

/// Adds some events, as a thread does: batch by batch, those of a stripe one after the other.
fn fold(known: &Stripes, events: &[Event]) {
    let mut hand = known.hand();
    for part in events.chunks(1000) {
        let part: Vec<&Event> = part.iter().filter(|e| e.row != NOBODY).collect();
        let rows: Vec<u32> = part.iter().map(|e| known.deal().within(e.row as usize) as u32).collect();
        let array: Decimal128Array = part.iter().map(|e| e.value.map(i128::from)).collect();
        let array: ArrayRef = Arc::new(array.with_precision_and_scale(18, 2).unwrap());
        let values = [Some(Values::new(&array).unwrap())];
        let mut dealt = vec![Vec::new(); known.deal().stripes()];
        for (place, event) in (0..).zip(&part) {
            dealt[known.deal().stripe_of(event.row as usize)].push(place);
        }
        let taken = [vec![1; part.len()]];
        known.add(
            &Batch { rows: &rows, intervals: &[], interval: None, taken: &taken, values: &values },
            &dealt,
            &mut hand,
        );
    }
}

fn check(narrow: bool, count: usize, largest: i64) {
    let mut draw = ChaCha8Rng::seed_from_u64(u64::from(narrow) + count as u64);
    let events = events(&mut draw, count, largest);
    let (slots, finish) = slots(narrow);
    for threads in [1, 2, 3] {
        let known = Stripes::new(&slots, ROWS, threads).unwrap();
        std::thread::scope(|scope| {
            for part in events.chunks(count.div_ceil(threads)) {
                scope.spawn(|| fold(&known, part));
            }
        });
        compare(
            &known.close(),
            &finish,
            &events,
            &format!("narrow {narrow}, {count} to {largest}, {threads} threads"),
        );
    }
}

fn compare(known: &Closed, finish: &[Finish], events: &[Event], what: &str) {
    let all = Span { rows: 0..ROWS, and_nobody: true };
    let found: Vec<ArrayRef> = finish.iter().map(|f| known.values(f, &all).unwrap()).collect();
    for (at, finish) in finish.iter().enumerate() {
        for start in 0..=ROWS {
            for end in start..=ROWS {
                let some = known.values(finish, &Span { rows: start..end, and_nobody: false }).unwrap();
                assert_eq!(&some, &found[at].slice(start, end - start), "{at} of {start}..{end}, {what}");
            }
        }
    }
    let counts: &Int64Array = found[0].as_primitive::<Int64Type>();
    let decimals = |at: usize, row: usize| {
        let column = found[at].as_primitive::<Decimal128Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    for row in 0..=ROWS {
        let own: Vec<&Event> = events.iter().filter(|e| e.row as usize == row).collect();
        let values: Vec<i128> = own.iter().filter_map(|e| e.value).map(i128::from).collect();
        let sum = (own.is_empty() || !values.is_empty()).then(|| values.iter().sum::<i128>());
        let what = format!("row {row}, {what}");
        assert_eq!(counts.value(row), own.len() as i64, "count of {what}");
        assert_eq!(decimals(1, row), sum, "sum of {what}");
        assert_eq!(decimals(2, row), values.iter().min().copied(), "min of {what}");
        assert_eq!(decimals(3, row), values.iter().max().copied(), "max of {what}");
    }
}

#[test]
fn cells_hold_what_plain_arithmetic_says() {
    for narrow in [false, true] {
        for largest in [0, 9, 1 << 20, 1 << 30, (1 << 31) - 1, 1 << 31, 1 << 40, 999_999_999_999_999_999] {
            check(narrow, 500, largest);
            check(narrow, 20_000, largest);
        }
    }
}

#[test]
fn counts_go_beyond_their_cells() {
    for narrow in [false, true] {
        check(narrow, 600_000, 3);
    }
}

/// The keys of some rows, which come in two batches, and which of these are chosen: all, or `some`.
fn keys_of(keys: &ArrayRef, taken: &[bool], some: bool) -> (Keys, Chosen) {
    let condition: Arc<dyn PhysicalExpr> = Arc::new(Column::new("chosen", 1));
    let who = Who { key: 0, candidates: some.then_some(condition) };
    let chosen: ArrayRef = Arc::new(BooleanArray::from(taken.to_vec()));
    let rows = RecordBatch::try_from_iter([("key", Arc::clone(keys)), ("chosen", chosen)]).unwrap();
    let first = keys.len() / 3;
    let parts = [rows.slice(0, first), rows.slice(first, keys.len() - first)];
    let arrived: Vec<Arrived> = parts.map(|batch| Arrived::new(batch, &who).unwrap()).into();
    let chosen = Chosen::of(&arrived);
    let columns = arrived.iter().filter_map(|arrived| chosen.keys(arrived, &who)).collect();
    (Keys::new(columns, keys.len()).unwrap(), chosen)
}

/// The row of each key that is asked for.
fn rows_of(keys: &Keys, asked: &ArrayRef) -> Vec<u32> {
    let mut found = Found::default();
    keys.find(asked, &mut found).unwrap();
    assert!(found.places.is_sorted() && found.places.len() == found.rows.len());
    let mut rows = vec![NOBODY; asked.len()];
    for (place, row) in found.places.iter().zip(&found.rows) {
        assert_ne!(*row, NOBODY);
        rows[*place as usize] = *row;
    }
    // The same keys as codes.
    let codes: Int32Array =
        (0..asked.len() as i32).rev().map(|code| (code % 7 > 0).then_some(code)).collect();
    let mut coded = Found::default();
    coded.of_codes(&codes, &found, asked.len());
    let wanted =
        codes.iter().enumerate().filter_map(|(place, code)| Some((place as u32, rows[code? as usize])));
    let wanted: Vec<(u32, u32)> = wanted.filter(|(_, row)| *row != NOBODY).collect();
    assert_eq!(coded.places.into_iter().zip(coded.rows).collect::<Vec<_>>(), wanted);
    rows
}

fn check_keys(what: &str, keys: &[Option<i64>], draw: &mut ChaCha8Rng) {
    for some in [false, true] {
        let taken: Vec<bool> = keys.iter().map(|_| !some || draw.random_bool(0.3)).collect();
        let (found, chosen) = keys_of(&(Arc::new(Int64Array::from(keys.to_vec())) as ArrayRef), &taken, some);
        let mut rows: HashMap<i64, u32> = HashMap::new();
        for (row, key) in (0u32..).zip(keys.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(k, _)| k)) {
            if let Some(key) = key {
                rows.entry(*key).or_insert(row);
            }
        }
        assert_eq!(chosen.count(), taken.iter().filter(|t| **t).count(), "{what}");
        let mut asked: Vec<Option<i64>> = keys.to_vec();
        asked.extend([None, Some(i64::MIN), Some(i64::MAX), Some(0), Some(-1)]);
        asked.extend(
            keys.iter().flatten().flat_map(|k| [k.checked_add(1), k.checked_sub(1), k.checked_add(64)]),
        );
        let wanted: Vec<u32> =
            asked.iter().map(|k| k.and_then(|k| rows.get(&k).copied()).unwrap_or(NOBODY)).collect();
        let got = rows_of(&found, &(Arc::new(Int64Array::from(asked)) as ArrayRef));
        assert_eq!(got, wanted, "{what}, {some}");
    }
}

#[test]
fn keys_lead_to_their_rows() {
    let mut draw = ChaCha8Rng::seed_from_u64(11);
    let mut gaps = Vec::new();
    let mut at = -500i64;
    for _ in 0..1000 {
        at += draw.random_range(1..5);
        gaps.push(Some(at));
    }
    let many: Vec<Option<i64>> = (0..70_000).map(|at| Some(3 * at + draw.random_range(0..3))).collect();
    let mut mixed = gaps.clone();
    mixed.swap(3, 700);
    let twice: Vec<Option<i64>> = gaps.iter().flat_map(|k| [*k, *k]).collect();
    let mut holes = gaps.clone();
    holes[10] = None;
    holes[999] = None;
    let far: Vec<Option<i64>> = (0..300).map(|_| Some(draw.random())).collect();
    check_keys("in a line", &(7..900).map(Some).collect::<Vec<_>>(), &mut draw);
    check_keys("with gaps", &gaps, &mut draw);
    check_keys("many with gaps", &many, &mut draw);
    check_keys("in no order", &mixed, &mut draw);
    check_keys("twice each", &twice, &mut draw);
    check_keys("missing ones", &holes, &mut draw);
    check_keys("from end to end", &[Some(i64::MIN), Some(0), Some(i64::MAX)], &mut draw);
    // The first third of the rows is a batch.
    let batches = |second: i64| (1000..1100).chain(second..second + 200).map(Some).collect::<Vec<_>>();
    check_keys("batches in another order", &batches(0), &mut draw);
    check_keys("one key at the end and at the beginning", &batches(1099), &mut draw);
    check_keys("a line over both", &batches(1100), &mut draw);
    check_keys("far apart", &far, &mut draw);
    check_keys("one", &[Some(5)], &mut draw);
    check_keys("nobody", &[], &mut draw);
}

#[test]
fn few_are_not_left_out() {
    let keys: ArrayRef = Arc::new((0..64).map(Some).collect::<Int64Array>());
    for (left_out, counted) in [(0, 64), (4, 64), (5, 59), (64, 0)] {
        let chosen: Vec<bool> = (0..64).map(|at| at >= left_out).collect();
        let (_, chosen) = keys_of(&keys, &chosen, true);
        assert_eq!(chosen.count(), counted, "{left_out} left out");
    }
}

#[test]
fn spans_are_parted_without_a_gap() {
    for rows in [5..5, 5..6, 0..512, 3..1030] {
        for and_nobody in [false, true] {
            let span = Span { rows: rows.clone(), and_nobody };
            let parts: Vec<Span> = span.parts(512).collect();
            let all: Vec<usize> = parts.iter().flat_map(|part| part.rows.clone()).collect();
            assert_eq!(all, rows.clone().collect::<Vec<_>>());
            assert_eq!(parts.iter().map(Span::len).sum::<usize>(), span.len());
            assert!(parts.iter().rev().skip(1).all(|part| !part.and_nobody && part.len() == 512));
        }
    }
}

#[test]
fn rows_know_which_number_is_their_own() {
    let mut draw = ChaCha8Rng::seed_from_u64(14);
    for (count, share) in [(0, 0.5), (1, 0.0), (64, 0.5), (200, 0.0), (1000, 0.2), (1000, 1.0)] {
        let taken: Vec<bool> = (0..count).map(|_| draw.random_bool(share)).collect();
        let (_, chosen) =
            keys_of(&(Arc::new(Int64Array::from_iter_values(0..count)) as ArrayRef), &taken, true);
        let all: Vec<usize> = taken.iter().map(|t| usize::from(*t)).collect();
        let before = |row: usize| all[..row].iter().sum::<usize>();
        for from in [0, taken.len() / 3, taken.len()] {
            for to in [from, (from + 1).min(taken.len()), taken.len()] {
                let (span, own) = chosen.numbers(from..to);
                assert_eq!(span.and_nobody, own.is_some());
                let numbers: Vec<usize> =
                    span.rows.chain(span.and_nobody.then_some(before(taken.len()))).collect();
                let got: Vec<usize> = match &own {
                    Some(own) => own.values().iter().map(|at| numbers[*at as usize]).collect(),
                    None => numbers,
                };
                let number = |row: usize| if taken[row] { before(row) } else { before(taken.len()) };
                assert_eq!(got, (from..to).map(number).collect::<Vec<_>>(), "{count} {share} {from}..{to}");
            }
        }
    }
}

#[test]
fn texts_lead_to_their_rows() {
    let mut draw = ChaCha8Rng::seed_from_u64(12);
    // Around twelve bytes a text stops being held beside its length; some begin alike, some stand twice.
    let text = |draw: &mut ChaCha8Rng| -> Option<String> {
        match draw.random_range(0..20) {
            0 => None,
            1 => Some(String::new()),
            2 => Some(format!("客户{}", draw.random_range(0..300))),
            n => Some(format!("{:0>1$}", draw.random_range(0..300), n)),
        }
    };
    let keys: Vec<Option<String>> = (0..2000).map(|_| text(&mut draw)).collect();
    let asked: Vec<Option<String>> = (0..4000).map(|_| text(&mut draw)).chain(keys.clone()).collect();
    for some in [false, true] {
        let taken: Vec<bool> = keys.iter().map(|_| !some || draw.random_bool(0.3)).collect();
        let (found, _) =
            keys_of(&(Arc::new(StringViewArray::from_iter(keys.iter())) as ArrayRef), &taken, some);
        let mut rows: HashMap<&str, u32> = HashMap::new();
        for (row, (key, _)) in (0u32..).zip(keys.iter().zip(&taken).filter(|(_, taken)| **taken)) {
            if let Some(key) = key {
                rows.entry(key).or_insert(row);
            }
        }
        let row = |key: &Option<String>| {
            key.as_ref().and_then(|key| rows.get(key.as_str()).copied()).unwrap_or(NOBODY)
        };
        let wanted: Vec<u32> = asked.iter().map(row).collect();
        // A slice, so that the texts do not lie at the beginning of what the array holds.
        let asked: ArrayRef = Arc::new(StringViewArray::from_iter(asked.iter()));
        let got = rows_of(&found, &asked.slice(100, 5000));
        assert_eq!(got, wanted[100..5100], "{some}");
        assert!(got.iter().any(|row| *row != NOBODY) && got.contains(&NOBODY));
    }
}

/// More selections than share a word, of texts that are codes and of those that are not, some of them missing, against each
/// condition asked of each event.
#[test]
fn selections_take_what_all_their_conditions_allow() {
    let mut draw = ChaCha8Rng::seed_from_u64(13);
    let texts = ["cash", "card", "", "券"];
    let fields = [("kind", DataType::Utf8View), ("amount", DataType::Int64), ("place", DataType::Utf8View)];
    let row = Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec());
    let is = |name: &str, op, literal: ScalarValue| {
        binary(col(name, &row).unwrap(), op, lit(literal), &row).unwrap()
    };
    let text = |text: &str| ScalarValue::Utf8View(Some(text.to_string()));
    let conditions: Vec<(Arc<dyn PhysicalExpr>, Option<usize>)> = vec![
        (is("kind", Operator::Eq, text("card")), Some(0)),
        (is("kind", Operator::NotEq, text("cash")), Some(0)),
        (is_null(col("kind", &row).unwrap()).unwrap(), Some(0)),
        (is("amount", Operator::Gt, ScalarValue::Int64(Some(3))), None),
        (is("place", Operator::Lt, text("b")), Some(2)),
    ];
    let holds = |condition: usize, (kind, amount, place): (Option<&str>, Option<i64>, Option<&str>)| {
        match condition {
            0 => kind == Some("card"),
            1 => kind.is_some_and(|kind| kind != "cash"),
            2 => kind.is_none(),
            3 => amount.is_some_and(|amount| amount > 3),
            _ => place.is_some_and(|place| place < "b"),
        }
    };
    for count in [1, 64, 65, 130] {
        let selections: Vec<Selection> = (0..count)
            .map(|_| Selection {
                conditions: (0..conditions.len()).filter(|_| draw.random_bool(0.3)).collect(),
                intervals: draw.random_bool(0.5).then(|| (0..5).map(|_| draw.random_bool(0.6)).collect()),
            })
            .collect();
        let asked =
            conditions.iter().map(|(expr, about)| Condition { expr: Arc::clone(expr), about: *about });
        let mut chooser = Chooser::new(&Arc::new(Choices::new(&selections, asked.collect())));
        // The same dictionary for two batches, then another.
        for (events, is_one, texts) in
            [(500, false, &texts[..]), (300, true, &texts), (400, false, &texts[..2])]
        {
            let codes: Vec<Option<i32>> = (0..events)
                .map(|_| draw.random_bool(0.9).then(|| draw.random_range(0..=texts.len() as i32)))
                .collect();
            let kinds: Vec<Option<&str>> =
                codes.iter().map(|code| texts.get(code.map(|code| code as usize)?).copied()).collect();
            let amounts: Vec<Option<i64>> = (0..events).map(|n| (n % 7 > 0).then_some(n % 5 + 1)).collect();
            let places: Vec<Option<&str>> =
                (0..events).map(|_| Some(["a", "b"][draw.random_range(0..2)])).collect();
            let one = draw.random_range(0..5);
            let intervals: Vec<u8> = (0..events)
                .map(|_| match draw.random_range(0..6) {
                    _ if is_one => one,
                    5 => NEVER,
                    interval => interval,
                })
                .collect();
            let amount_column: ArrayRef = Arc::new(Int64Array::from(amounts.clone()));
            let place_column: ArrayRef = Arc::new(StringViewArray::from(places.clone()));
            let batch = |kind: ArrayRef| {
                let columns = [
                    ("kind", kind),
                    ("amount", Arc::clone(&amount_column)),
                    ("place", Arc::clone(&place_column)),
                ];
                RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
                    .unwrap()
            };
            // The last text of the dictionary is a missing one; beneath a missing code stands any.
            let known = NullBuffer::from_iter(codes.iter().map(Option::is_some));
            let under = codes.iter().map(|code| code.unwrap_or(0)).collect();
            let stored = Int32Array::new(under, Some(known));
            let each = texts.iter().copied().map(Some).chain([None]);
            let coded = |texts: ArrayRef| batch(Arc::new(DictionaryArray::new(stored.clone(), texts)));
            let short = coded(Arc::new(StringArray::from_iter(each.clone())));
            let large = coded(Arc::new(LargeStringArray::from_iter(each)));
            let plain = batch(Arc::new(StringViewArray::from(kinds.clone())));
            for stored in [short, large, plain.clone()] {
                chooser.choose(&stored, &plain, &intervals, is_one.then_some(one)).unwrap();
                let mut anybody = vec![false; intervals.len()];
                for (at, selection) in selections.iter().enumerate() {
                    let wanted: Vec<bool> = (0..intervals.len())
                        .map(|event| {
                            let all = (kinds[event], amounts[event], places[event]);
                            let interval = usize::from(intervals[event]);
                            let in_time = |taken: &Vec<bool>| taken.get(interval).copied().unwrap_or(false);
                            let in_time = selection.intervals.as_ref().is_none_or(in_time);
                            in_time && selection.conditions.iter().all(|condition| holds(*condition, all))
                        })
                        .collect();
                    anybody.iter_mut().zip(&wanted).for_each(|(any, one)| *any |= one);
                    assert_eq!(chooser.taken_by(at).iter().collect::<Vec<_>>(), wanted, "{at} of {count}");
                }
                let wanted: Vec<u32> =
                    (0..).zip(&anybody).filter(|(_, any)| **any).map(|(place, _)| place).collect();
                let all: Vec<u32> = (0..events as u32).collect();
                assert_eq!(chooser.places().unwrap_or(&all), wanted, "all {count}");
            }
        }
    }
}

/// What selections of three words take of the events at hand: of words whose bits are all set, none, or some.
#[test]
fn the_events_at_hand_are_picked_by_their_bits() {
    let mut draw = ChaCha8Rng::seed_from_u64(14);
    let asked: BTreeSet<usize> = (0..150).filter(|_| draw.random_bool(0.7)).chain([149]).collect();
    let mut near = Near::new(&asked);
    for events in [1000usize, 7] {
        let rows: Vec<u32> = (0..events).map(|_| draw.random_range(0..50)).collect();
        let intervals: Vec<u8> = (0..events).map(|_| draw.random_range(0..9)).collect();
        let taken: Vec<Vec<u64>> = (0..3)
            .map(|word| {
                let bits = |draw: &mut ChaCha8Rng| match word {
                    0 => draw.random::<u64>() | 1 << 5 & !(1 << 7),
                    _ => draw.random::<u64>() & !(1 << 3) | 1 << 63,
                };
                (0..events).map(|_| bits(&mut draw)).collect()
            })
            .collect();
        let places: Vec<u32> = (0..events as u32).filter(|_| draw.random_bool(0.5)).collect();
        for interval in [None, Some(4)] {
            let batch = Batch { rows: &rows, intervals: &intervals, interval, taken: &taken, values: &[] };
            for places in places.chunks(MOST) {
                near.take(&batch, places);
                for (event, place) in places.iter().enumerate() {
                    let place = *place as usize;
                    assert_eq!(near.rows[event], rows[place]);
                    assert_eq!(near.intervals[event], interval.unwrap_or(intervals[place]));
                }
                for selection in 0..160 {
                    let Some(picked) = near.picked(selection) else {
                        assert!(!asked.contains(&selection));
                        continue;
                    };
                    let takes = |event: &usize| {
                        taken[selection / 64][places[*event] as usize] >> (selection % 64) & 1 == 1
                    };
                    let wanted: Vec<usize> = (0..places.len()).filter(takes).collect();
                    assert_eq!(picked.is_empty(), wanted.is_empty());
                    assert_eq!(picked.events().collect::<Vec<_>>(), wanted, "{selection}");
                    let known = NullBuffer::from_iter((0..events).map(|place| place % 3 > 0));
                    let (some, others) = near.part(picked, &known);
                    let (a, b) = wanted.iter().partition::<Vec<usize>, _>(|e| places[**e] % 3 > 0);
                    assert_eq!((some.events().collect::<Vec<_>>(), others.events().collect()), (a, b));
                }
            }
        }
    }
}

/// What is reckoned with before keys of texts are read is enough for what is then made of them.
#[test]
fn tables_of_texts_take_no_more_than_was_thought() {
    for count in [1usize, 100, 1_000, 24_575, 24_576, 24_577, 49_152] {
        let texts = StringViewArray::from_iter_values((0..count).map(|i| format!("客户 {i:09}")));
        let column: ArrayRef = Arc::new(texts);
        let most = Keys::bytes_of_row(column.data_type()) * count;
        for all in [count, count * 1_000] {
            let size = Keys::new(vec![Arc::clone(&column)], all).unwrap().size();
            assert!(size >= 40 * count && size <= most + 4096, "{count} of {all}: {size}, at most {most}");
        }
    }
    let line: ArrayRef = Arc::new(Int64Array::from_iter_values(5..1_005));
    assert_eq!(Keys::new(vec![line], 1_000).unwrap().size(), 0);
    let apart: ArrayRef =
        Arc::new(Int64Array::from_iter_values((0..1_000).map(|i: i64| i.wrapping_mul(1 << 54 | 7))));
    assert!(Keys::new(vec![apart], 1_000).unwrap().size() >= 16_000);
}

/// Keys whose hashes tell one place, the last of all, or places beside each other.
#[test]
fn keys_stand_behind_others_at_their_places() {
    let hashes: [fn(u64) -> u64; 4] =
        [|_| 0, |_| u64::MAX, |n| n << 61, |n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)];
    for hash in hashes {
        for count in [0u64, 1, 2, 3, 30, 300] {
            let mut table = Hashed::<8>::new(count as usize).unwrap();
            let keys = |from: u64| -> Vec<New<8>> {
                (from..count).map(|n| ((n * 3).to_le_bytes(), hash(n * 3), n as u32 + 7)).collect()
            };
            // The second time some are added again, with other rows.
            for keys in [keys(0), keys(count / 2).into_iter().map(|(key, hash, _)| (key, hash, 1)).collect()]
            {
                table.add(&keys, |held, at| *held.key == keys[at].0);
            }
            let asked: Vec<u64> = (0..=count * 3).collect();
            let mut rows = vec![5];
            let each: Vec<u64> = asked.iter().map(|n| hash(*n)).collect();
            table.find(&each, &mut rows, |held, at| *held.key == asked[at].to_le_bytes());
            let row =
                |n: &u64| if n.is_multiple_of(3) && *n < count * 3 { (n / 3) as u32 + 7 } else { NOBODY };
            assert_eq!(rows, asked.iter().map(row).collect::<Vec<_>>());
        }
    }
}
