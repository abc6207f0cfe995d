//! The registry: every code with its severity, its title and its page. `segue explain`, the documentation
//! and the tests are made from this table. A code never changes its meaning; a dropped one is not reused.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

macro_rules! registry {
    ($($variant:ident $code:literal $severity:ident $title:literal;)*) => {
        /// A stable code; `E…` is an error, `W…` a warning.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $title] $variant,)* }

        impl Code {
            /// Every code there is, in the order of the table.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $code,)* }
            }

            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// A few words that say what the code is about.
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            /// The page that `segue explain CODE` prints (Markdown).
            pub fn page(self) -> &'static str {
                match self { $(Code::$variant => include_str!(concat!("../../docs/errors/", $code, ".md")),)* }
            }
        }
    };
}

registry! {
    // the text
    Syntax              "E0101" Error   "the text does not read as Segue";
    BadNumber           "E0102" Error   "a number that cannot be read";
    BadDate             "E0103" Error   "a date that does not exist or is written otherwise";
    BadText             "E0104" Error   "a text literal that does not end, or an unknown escape";
    TooDeep             "E0105" Error   "nested too deeply";
    TooLarge            "E0106" Error   "the script is too large";
    NotUtf8             "E0107" Error   "the file is not UTF-8";
    MetadataValue       "E0108" Error   "metadata without a value";
    DuplicateClause     "E0109" Error   "a clause that may stand once stands twice";
    MissingClause       "E0110" Error   "a clause that must stand is missing";
    // names
    UnknownName         "E0201" Error   "nothing has this name";
    DuplicateName       "E0202" Error   "two definitions have one name";
    Cycle               "E0203" Error   "definitions that need each other";
    AmbiguousName       "E0204" Error   "a name that could mean two things";
    WrongKind           "E0205" Error   "a name of another kind of definition";
    UnknownFunction     "E0206" Error   "no such function";
    UnknownParam        "E0207" Error   "no such parameter";
    UnknownTimezone     "E0208" Error   "no such time zone";
    // types
    TypeMismatch        "E0301" Error   "values of types that do not go together";
    NotBoolean          "E0302" Error   "a condition that is not yes or no";
    UnknownLabel        "E0303" Error   "a label that the tag never has";
    WrongArguments      "E0304" Error   "a function called with the wrong arguments";
    NotConstant         "E0305" Error   "a value that must be known before the run";
    UnknownType         "E0306" Error   "no such type";
    BadPattern          "E0307" Error   "a pattern that cannot be read";
    BadAllow            "E0331" Error   "an `@allow` of what cannot be allowed";
    // time, events, entities
    NotEvents           "E0401" Error   "an aggregate over what is not a source of events";
    NoTime              "E0402" Error   "a window, first or last on a source without a time";
    BadWindow           "E0403" Error   "a window that cannot be";
    TwoEntities         "E0404" Error   "two entities in one expression";
    EventOutside        "E0405" Error   "an event's column outside an aggregate";
    NestedAggregate     "E0406" Error   "an aggregate inside an aggregate";
    NoPath              "E0407" Error   "events that do not reach the entity";
    NoPast              "E0408" Error   "a column whose past is not known";
    PopulationPlace     "E0411" Error   "a population function where there is no customer";
    // sequences of events
    SequenceStart       "E0421" Error   "a sequence that begins with `not`";
    StepGap             "E0422" Error   "a `within` that a step cannot have";
    StepReference       "E0423" Error   "a step that cannot be referred to";
    StepComparison      "E0424" Error   "an earlier step in what is no comparison";
    NoSuchPart          "E0425" Error   "a part that a tag does not have";
    SequenceLength      "E0426" Error   "more steps than a sequence may have";
    NotFunnel           "E0427" Error   "a funnel of what has no steps";
    // not in this version
    NotYet              "E0499" Error   "part of the language that this version does not run";
    // sources and data
    SourceMissing       "E0501" Error   "the source's file is not there";
    SourceUnreadable    "E0502" Error   "the source's file cannot be read";
    ColumnMissing       "E0503" Error   "the source has no such column";
    ColumnType          "E0504" Error   "a column of a type that cannot serve here";
    DuplicateKey        "E0505" Error   "a key that stands twice";
    KeyTypes            "E0506" Error   "keys of types that cannot match";
    FilesDiffer         "E0507" Error   "files of one source that differ in type";
    UnknownFormat       "E0508" Error   "a file ending that is not known";
    NoKey               "E0509" Error   "an entity without a key, or a source that needs one";
    // audiences and runs
    TooSmall            "E0601" Error   "an audience below its minimum size";
    CannotWrite         "E0602" Error   "the output cannot be written";
    BadShare            "E0603" Error   "a share or a number outside its range";
    RunFailed           "E0604" Error   "the run failed";
    Overflow            "E0605" Error   "a number became too large";
    NoSuchKey           "E0606" Error   "nobody has this key";
    Interrupted         "E0607" Error   "the run was stopped";
    ExpiredStrict       "E0611" Error   "a definition that has expired, in a strict run";
    Internal            "E0699" Error   "an error of Segue itself";
    // the call
    BadCall             "E0701" Error   "the command line cannot be carried out";
    // warnings
    ShadowsColumn       "W0201" Warning "a definition named like a column";
    EveryoneMatches     "W0301" Warning "holds for customers about whom nothing is known";
    NotSegment          "W0302" Warning "not before a segment";
    FloatMoney          "W0303" Warning "a sum of floats compared with a threshold";
    NeverTrue           "W0331" Warning "a condition that is never true";
    AlwaysTrue          "W0332" Warning "a condition that is always true";
    OddWindow           "W0333" Warning "a window unlike its siblings";
    LeftOut             "W0334" Warning "a negation that leaves out the unknown";
    UnknownToElse       "W0335" Warning "an `else` that takes in the unknown";
    Unused              "W0336" Warning "a tag or a parameter that nothing uses";
    SameFormula         "W0337" Warning "one formula under two names";
    HidesColumn         "W0338" Warning "a parameter named like a column";
    TagBloat            "W0339" Warning "many tags that nothing uses";
    AllowsNothing       "W0340" Warning "an `@allow` that silences nothing";
    NoEventsOnDay       "W0401" Warning "no source has an event on the day of the run";
    AsOfToday           "W0402" Warning "no --as-of was given";
    DataOrphans         "W0501" Warning "events whose entity is not there";
    DataNoTime          "W0502" Warning "events without a time";
    DataStrayBlanks     "W0503" Warning "text with stray blanks";
    DataDoesNotFit      "W0504" Warning "values that do not fit their declared type";
    DataNoKey           "W0505" Warning "rows without a key";
    DataFuture          "W0506" Warning "events after the day of the run";
    NoConsent           "W0601" Warning "an audience that requires no consent";
    MetadataName        "W0611" Warning "metadata named nearly like a known one";
    Expired             "W0612" Warning "a definition that has expired";
    ReviewDue           "W0613" Warning "a definition that is due for review";
    MetadataDate        "W0614" Warning "metadata that needs a day";
    SameMembers         "W0701" Warning "two segments with the same members";
    HoldsNobody         "W0702" Warning "a segment that holds nobody";
    HoldsEverybody      "W0703" Warning "a segment that holds everybody";
}

impl Code {
    /// The code named `text` (`E0201`), any case.
    pub fn parse(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|c| c.as_str().eq_ignore_ascii_case(text.trim()))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
