//! The columns of the view `history`, once: the shape of a row, what is selected, and the machine output's names are made from this list.
//!
//! Names and order are those of the machine output and stay; new ones come at the end.

/// Each column with its type and how it is selected. A field that stands for two columns names the second after `+`.
macro_rules! columns_of_history {
    ($make:ident) => {
        $make! {
            run: String, as_it_is;
            schedule: String, as_it_is;
            trigger: Shown<Trigger>, as_it_is;
            nominal_at: String, as_it_is;
            nominal_until: Option<String>, as_it_is;
            count: Option<u64>, as_it_is;
            local: String, as_it_is;
            offset: String, as_it_is;
            fire_at: String, as_it_is;
            claimed_at: String, as_it_is;
            sent_at: Option<String>, of_first_attempt;
            accepted_at: Option<String>, as_it_is;
            started_at: Option<String>, as_it_is;
            ended_at: Option<String>, as_it_is;
            #[serde(flatten)]
            state + reason: ShownState, as_it_is;
            note: Option<String>, as_it_is;
            error: Option<String>, as_it_is;
            connection: String, as_it_is;
            folder: Option<String>, as_it_is;
            process: Option<String>, as_it_is;
            queue_item: Option<String>, as_it_is;
            job_key: Option<String>, as_it_is;
            job_id: Option<i64>, as_it_is;
            reference: Option<String>, as_it_is;
            attempts: u32, as_it_is;
            jobs: Vec<JobLine>, as_json;
            waiting_until: Option<String>, as_it_is;
            actor: Option<String>, as_it_is;
            parent: Option<String>, as_it_is;
            retry_of: Option<String>, as_it_is;
            made_good_by: Option<String>, as_it_is;
            arguments: Option<Value>, as_json_or_text;
            output: Option<Value>, as_json_or_text;
            trace_id: Option<String>, as_it_is;
            held_for: Option<Shown<HeldFor>>, as_it_is;
        }
    };
}

/// `'a', h.a`
macro_rules! as_it_is {
    ($column:ident) => {
        concat!("'", stringify!($column), "', h.", stringify!($column))
    };
}

/// When a run was first sent: each later attempt writes its own over that of the run. Rows of before attempts had it have the run's alone.
macro_rules! of_first_attempt {
    ($column:ident) => {
        concat!(
            "'",
            stringify!($column),
            "', coalesce(h.jobs ->> '$[0].",
            stringify!($column),
            "', h.",
            stringify!($column),
            ")"
        )
    };
}

/// JSON text that the view makes itself.
macro_rules! as_json {
    ($column:ident) => {
        concat!("'", stringify!($column), "', json(h.", stringify!($column), ")")
    };
}

/// JSON texts become JSON values; what is no JSON stays text.
macro_rules! as_json_or_text {
    ($column:ident) => {
        concat!(
            "'",
            stringify!($column),
            "', iif(json_valid(h.",
            stringify!($column),
            "), json(h.",
            stringify!($column),
            "), h.",
            stringify!($column),
            ")"
        )
    };
}

/// The machine output's object, in its order.
macro_rules! object {
    ($first:ident: $first_type:ty, $first_way:ident;
        $($(#[$attribute:meta])* $column:ident $(+ $second:ident)?: $type:ty, $way:ident;)*) => {
        concat!(
            "json_object(", $first_way!($first),
            $(", ", $way!($column), $(", ", as_it_is!($second),)?)*
            ")"
        )
    };
}

/// The shape of a row, and the names of its columns.
macro_rules! summary {
    ($($(#[$attribute:meta])* $column:ident $(+ $second:ident)?: $type:ty, $way:ident;)*) => {
        /// One run, as the view `history` shows it. Instants are RFC 3339 in UTC with milliseconds.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct RunSummary {
            $($(#[$attribute])* pub $column: $type,)*
        }

        impl RunSummary {
            /// The names of the columns, in the order of the view and of the machine output.
            pub const COLUMNS: &'static [&'static str] = &[$(stringify!($column), $(stringify!($second),)?)*];
        }
    };
}

pub(super) use {as_it_is, as_json, as_json_or_text, columns_of_history, object, of_first_attempt, summary};
