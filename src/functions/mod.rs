//! The functions of the language: one row each. Help, completion, the reference and the checker are made from
//! [`TABLE`]; `plan` matches the variants exhaustively, so the compiler finds what is missing.

use crate::types::Type;

/// Functions of one row's values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Function {
    Abs,
    Round,
    Floor,
    Ceil,
    Sqrt,
    Exp,
    Ln,
    Power,
    Least,
    Greatest,
    Lower,
    Upper,
    Trim,
    Length,
    Left,
    Right,
    Substring,
    Replace,
    Concat,
    Number,
    Date,
    Year,
    Quarter,
    Month,
    Day,
    Weekday,
    Hour,
    Age,
}

/// Folds of a customer's events to one value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AggregateFn {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Median,
    Stddev,
    First,
    Last,
    Distinct,
    MostCommon,
    Any,
    Share,
}

/// Where a customer stands among others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PopulationFn {
    Percentile,
    Ntile,
    Rank,
    Zscore,
}

/// What a name in the table stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Scalar(Function),
    Aggregate(AggregateFn),
    Population(PopulationFn),
    /// In the language, not in this version.
    Later,
}

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row {
    pub name: &'static str,
    pub kind: Kind,
    /// How it is called: `round(number, digits)`.
    pub signature: &'static str,
    pub meaning: &'static str,
    pub meaning_zh: &'static str,
    /// An expression over the columns of the demo bank.
    pub example: &'static str,
}

macro_rules! table {
    ($($name:literal $kind:expr, $signature:literal, $meaning:literal, $zh:literal, $example:literal;)*) => {
        /// Every function, aggregates first.
        pub const TABLE: &[Row] = &[$(Row {
            name: $name, kind: $kind, signature: $signature, meaning: $meaning, meaning_zh: $zh, example: $example,
        },)*];
    };
}

use AggregateFn as A;
use Function as F;
use Kind::{Aggregate, Later, Population, Scalar};
use PopulationFn as P;

table! {
    "count" Aggregate(A::Count), "count(EVENTS [window] [where …])", "how many events; 0 where there are none", "事件个数，没有则为 0", "count(transactions in last 90 days)";
    "sum" Aggregate(A::Sum), "sum(EVENTS.x [window] [where …])", "the sum of the known values; 0 over no events", "已知值之和，没有事件则为 0", "sum(transactions.amount in last 90 days)";
    "avg" Aggregate(A::Avg), "avg(EVENTS.x [window] [where …])", "the mean of the known values", "已知值的平均数", "avg(transactions.amount in last 1 year)";
    "min" Aggregate(A::Min), "min(EVENTS.x [window] [where …])", "the smallest known value", "最小的已知值", "min(transactions.amount)";
    "max" Aggregate(A::Max), "max(EVENTS.x [window] [where …])", "the largest known value", "最大的已知值", "max(transactions.amount in last 90 days)";
    "median" Aggregate(A::Median), "median(EVENTS.x [window] [where …])", "the middle known value; the mean of the two middle ones where their number is even", "中位数", "median(transactions.amount in last 90 days)";
    "stddev" Aggregate(A::Stddev), "stddev(EVENTS.x [window] [where …])", "the sample standard deviation (n − 1) of the known values; missing below two", "样本标准差（n − 1）", "stddev(transactions.amount in last 1 year)";
    "first" Aggregate(A::First), "first(EVENTS.x [window] [where …])", "the value of the earliest event", "最早一次事件的值", "first(transactions.channel)";
    "last" Aggregate(A::Last), "last(EVENTS.x [window] [where …])", "the value of the latest event", "最近一次事件的值", "days since last(transactions.txn_time)";
    "distinct" Aggregate(A::Distinct), "distinct(EVENTS.x [window] [where …])", "how many different known values", "不同取值的个数", "distinct(transactions.category in last 90 days)";
    "most_common" Aggregate(A::MostCommon), "most_common(EVENTS.x [window] [where …])", "the most frequent known value; of several, the smallest", "最常见的值", "most_common(transactions.category in last 1 year)";
    "any" Aggregate(A::Any), "any(EVENTS [window] [where …])", "whether there is such an event", "是否有这样的事件", "any(transactions in last 30 days where category = \"travel\")";
    "share" Aggregate(A::Share), "share(EVENTS [window] where …)", "the share of the window's events for which the condition is true; missing over none", "满足条件的事件所占的比例", "share(transactions in last 90 days where channel = \"app\")";

    "abs" Scalar(F::Abs), "abs(number)", "the number without its sign", "绝对值", "abs(deposit_balance)";
    "round" Scalar(F::Round), "round(number[, digits])", "rounded half away from zero, to `digits` after the point (0 where not said)", "四舍五入", "round(deposit_balance, 1)";
    "floor" Scalar(F::Floor), "floor(number)", "the largest whole number not above it", "向下取整", "floor(deposit_balance)";
    "ceil" Scalar(F::Ceil), "ceil(number)", "the smallest whole number not below it", "向上取整", "ceil(deposit_balance)";
    "sqrt" Scalar(F::Sqrt), "sqrt(number)", "the square root; missing for a negative number", "平方根", "sqrt(deposit_balance)";
    "exp" Scalar(F::Exp), "exp(number)", "e to the power of the number", "e 的幂", "exp(credit_score / 1000)";
    "ln" Scalar(F::Ln), "ln(number)", "the natural logarithm; missing for zero and below", "自然对数", "ln(deposit_balance + 1)";
    "power" Scalar(F::Power), "power(number, number)", "the first to the power of the second", "乘方", "power(1.1, 2)";
    "least" Scalar(F::Least), "least(a, b, …)", "the smallest of the known values", "已知值中最小的", "least(deposit_balance, fund_balance)";
    "greatest" Scalar(F::Greatest), "greatest(a, b, …)", "the largest of the known values", "已知值中最大的", "greatest(deposit_balance, fund_balance)";

    "lower" Scalar(F::Lower), "lower(text)", "in small letters", "转小写", "lower(city)";
    "upper" Scalar(F::Upper), "upper(text)", "in capital letters", "转大写", "upper(city)";
    "trim" Scalar(F::Trim), "trim(text)", "without blanks at both ends", "去掉两端空白", "trim(city)";
    "length" Scalar(F::Length), "length(text)", "how many characters", "字符个数", "length(city)";
    "left" Scalar(F::Left), "left(text, n)", "the first n characters; none where n is below 0", "前 n 个字符", "left(city, 1)";
    "right" Scalar(F::Right), "right(text, n)", "the last n characters; none where n is below 0", "后 n 个字符", "right(city, 1)";
    "substring" Scalar(F::Substring), "substring(text, start, n)", "n characters from the start-th, which counts from 1; a start below 1 is 1, and n below 0 takes none", "从第 start 个起的 n 个字符", "substring(city, 1, 2)";
    "replace" Scalar(F::Replace), "replace(text, old, new)", "with every `old` replaced by `new`", "替换文字", "replace(city, \"市\", \"\")";
    "concat" Scalar(F::Concat), "concat(text, text, …)", "one after the other; missing where one is", "连接文字", "concat(city, \"-\", gender)";
    "number" Scalar(F::Number), "number(text)", "the number that the text spells, as a float; missing where it spells none", "把文字读作数字", "number(\"12.5\")";

    "date" Scalar(F::Date), "date(instant)", "the local day of an instant", "时刻所在的日期", "distinct(date(transactions.txn_time) in last 90 days)";
    "year" Scalar(F::Year), "year(date)", "the year", "年", "year(birth_date)";
    "quarter" Scalar(F::Quarter), "quarter(date)", "the quarter, 1 to 4", "季度", "quarter(open_date)";
    "month" Scalar(F::Month), "month(date)", "the month, 1 to 12", "月", "month(birth_date)";
    "day" Scalar(F::Day), "day(date)", "the day of the month, 1 to 31", "日", "day(birth_date)";
    "weekday" Scalar(F::Weekday), "weekday(date)", "the day of the week: 1 is Monday, 7 is Sunday", "星期几，1 为星期一", "any(transactions where weekday(txn_time) >= 6)";
    "hour" Scalar(F::Hour), "hour(instant)", "the hour of the day in the script's zone, 0 to 23", "小时，0 到 23", "count(transactions where hour(txn_time) between 9 and 17)";
    "age" Scalar(F::Age), "age(date)", "whole years from the date to the run's day", "到运行日的整年数", "age(birth_date)";

    "percentile" Population(P::Percentile), "percentile(x [within …] [in SEGMENT])", "the share of the others that are strictly below, 0 to 1; 0 for one alone", "其他客户中严格低于它的比例，0 到 1", "percentile(deposit_balance)";
    "ntile" Population(P::Ntile), "ntile(x, n [within …] [in SEGMENT] [ties together])", "which of n equal parts, 1 is the smallest; of equal values the lower key comes first", "等分为 n 组时的组号，1 为最小", "ntile(deposit_balance, 5)";
    "rank" Population(P::Rank), "rank(x [within …] [in SEGMENT])", "the place, 1 is the largest; equal values share theirs", "从大到小的名次，并列同名次", "rank(deposit_balance)";
    "zscore" Population(P::Zscore), "zscore(x [within …] [in SEGMENT])", "how many sample standard deviations above the mean; missing where all are equal", "高于平均数多少个样本标准差，全部相同则缺失", "zscore(deposit_balance)";
    "happened" Later, "happened(A then B within 7 days …)", "whether events followed each other", "事件序列是否发生", "happened(app then transactions within 7 days)";
}

/// The row of a function, by its name in small letters.
pub fn find(name: &str) -> Option<&'static Row> {
    let lower = name.to_lowercase();
    TABLE.iter().find(|row| row.name == lower)
}

/// The row of a scalar function.
pub fn row_of(function: Function) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.kind == Scalar(function))
}

/// The row of an aggregate.
pub fn row_of_aggregate(function: AggregateFn) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.kind == Aggregate(function))
}

/// The row of a population function.
pub fn row_of_population(function: PopulationFn) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.kind == Population(function))
}

/// What was wrong with a call's arguments.
#[derive(Clone, PartialEq, Debug)]
pub enum CallError {
    /// How many it takes.
    Count,
    /// The argument at this place (from 0) should be as described.
    Argument(usize, &'static str),
}

impl Function {
    /// The type of the result for arguments of these types.
    pub fn result(self, arguments: &[Type]) -> Result<Type, CallError> {
        let takes = |least: usize, most: usize| {
            if (least..=most).contains(&arguments.len()) { Ok(()) } else { Err(CallError::Count) }
        };
        let each = |from: usize, ok: fn(&Type) -> bool, what: &'static str| match arguments
            .iter()
            .enumerate()
            .skip(from)
            .find(|(_, t)| !ok(t))
        {
            Some((i, _)) => Err(CallError::Argument(i, what)),
            None => Ok(()),
        };
        let first = arguments.first().cloned().unwrap_or(Type::Error);
        match self {
            F::Abs => takes(1, 1).and_then(|()| each(0, Type::is_number, "a number")).map(|()| first),
            F::Round => {
                takes(1, 2)?;
                each(0, Type::is_number, "a number")?;
                if arguments.len() == 2 {
                    each(1, |t| matches!(t, Type::Int | Type::Error), "a whole number")?;
                }
                Ok(first)
            }
            F::Floor | F::Ceil => {
                takes(1, 1)?;
                each(0, Type::is_number, "a number")?;
                Ok(match first {
                    Type::Decimal { precision, scale } => Type::decimal(
                        precision.saturating_sub(scale.max(0).unsigned_abs()).saturating_add(1),
                        0,
                    ),
                    other => other,
                })
            }
            F::Sqrt | F::Exp | F::Ln => {
                takes(1, 1).and_then(|()| each(0, Type::is_number, "a number")).map(|()| Type::Float)
            }
            F::Power => takes(2, 2).and_then(|()| each(0, Type::is_number, "a number")).map(|()| Type::Float),
            F::Least | F::Greatest => {
                takes(2, usize::MAX)?;
                let mut ty = first;
                for (i, t) in arguments.iter().enumerate().skip(1) {
                    ty = Type::common(&ty, t)
                        .filter(Type::is_ordered)
                        .ok_or(CallError::Argument(i, "of the same kind as the first"))?;
                }
                Ok(ty)
            }
            F::Lower | F::Upper | F::Trim => {
                takes(1, 1).and_then(|()| each(0, Type::is_text, "text")).map(|()| Type::Text)
            }
            F::Length => takes(1, 1).and_then(|()| each(0, Type::is_text, "text")).map(|()| Type::Int),
            F::Left | F::Right | F::Substring => {
                if self == F::Substring {
                    takes(3, 3)?
                } else {
                    takes(2, 2)?
                }
                if !first.is_text() {
                    return Err(CallError::Argument(0, "text"));
                }
                each(1, |t| matches!(t, Type::Int | Type::Error), "a whole number").map(|()| Type::Text)
            }
            F::Replace => takes(3, 3).and_then(|()| each(0, Type::is_text, "text")).map(|()| Type::Text),
            F::Concat => {
                takes(2, usize::MAX).and_then(|()| each(0, Type::is_text, "text")).map(|()| Type::Text)
            }
            F::Number => takes(1, 1).and_then(|()| each(0, Type::is_text, "text")).map(|()| Type::Float),
            F::Date => {
                takes(1, 1).and_then(|()| each(0, Type::is_time, "a date or an instant")).map(|()| Type::Date)
            }
            F::Year | F::Quarter | F::Month | F::Day | F::Weekday | F::Age => {
                takes(1, 1).and_then(|()| each(0, Type::is_time, "a date or an instant")).map(|()| Type::Int)
            }
            F::Hour => takes(1, 1)
                .and_then(|()| each(0, |t| matches!(t, Type::Instant(_) | Type::Error), "an instant"))
                .map(|()| Type::Int),
        }
    }
}

impl PopulationFn {
    /// How many values it takes.
    pub fn takes(self) -> usize {
        if self == P::Ntile { 2 } else { 1 }
    }

    /// The type of the result for a value of this type.
    pub fn result(self, argument: &Type) -> Result<Type, CallError> {
        match self {
            P::Zscore if !argument.is_number() => Err(CallError::Argument(0, "a number")),
            P::Percentile | P::Ntile | P::Rank if !argument.is_ordered() || *argument == Type::Bool => {
                Err(CallError::Argument(0, "a value with an order"))
            }
            P::Percentile | P::Zscore => Ok(Type::Float),
            P::Ntile | P::Rank => Ok(Type::Int),
        }
    }
}

impl AggregateFn {
    /// Whether it counts events and takes no value of them.
    pub fn counts_events(self) -> bool {
        matches!(self, A::Count | A::Any | A::Share)
    }

    /// Whether the order of events in time decides it.
    pub fn needs_time(self) -> bool {
        matches!(self, A::First | A::Last)
    }

    /// The type of the result for a value of this type.
    pub fn result(self, argument: &Type) -> Result<Type, CallError> {
        let number =
            |ok: Type| if argument.is_number() { Ok(ok) } else { Err(CallError::Argument(0, "a number")) };
        match self {
            A::Count | A::Distinct => Ok(Type::Int),
            A::Any => Ok(Type::Bool),
            A::Share => Ok(Type::Float),
            A::Sum => number(match argument {
                Type::Decimal { scale, .. } => Type::decimal(38, *scale),
                Type::Blank => Type::Int,
                other => other.clone(),
            }),
            A::Avg | A::Median | A::Stddev => number(Type::Float),
            A::Min | A::Max => {
                if argument.is_ordered() {
                    Ok(argument.clone())
                } else {
                    Err(CallError::Argument(0, "a value with an order"))
                }
            }
            A::First | A::Last | A::MostCommon => Ok(argument.clone()),
        }
    }

    /// The value for an entity without any event.
    pub fn over_nothing_is_zero(self) -> bool {
        matches!(self, A::Count | A::Sum | A::Distinct | A::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_row_is_filled() {
        for (i, row) in TABLE.iter().enumerate() {
            assert!(
                TABLE.iter().skip(i + 1).all(|other| other.name != row.name),
                "{} stands twice",
                row.name
            );
            assert!(
                row.signature.starts_with(row.name) && !row.meaning.is_empty() && !row.meaning_zh.is_empty()
            );
            assert!(row.example.contains(row.name) || row.name == "last", "{}", row.name);
        }
    }
}
