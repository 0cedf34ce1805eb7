//! A table in plain text: columns as wide as they must be, two spaces between them.

use jiff::Timestamp;

/// Lays rows out under their titles.
pub(crate) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = titles.iter().map(|title| title.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let all = std::iter::once(&titles).chain(rows);
    let lines = all.map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<String>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// Shortens the widest cells of the columns that may be, until the lines of a table fit. Where that is not
/// enough, all stay whole.
pub(crate) fn fit(titles: &[&str], rows: &mut [Vec<String>], may_shrink: &[bool], width: usize) {
    let mut widths: Vec<usize> = titles.iter().map(|title| title.chars().count()).collect();
    for row in rows.iter() {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(cell.chars().count());
        }
    }
    let least = |column: usize| titles[column].chars().count().max(8);
    let total = |widths: &[usize]| widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    while total(&widths) > width {
        let shrinks = (0..widths.len()).filter(|it| may_shrink[*it] && widths[*it] > least(*it));
        let Some(widest) = shrinks.max_by_key(|it| widths[*it]) else { return };
        widths[widest] -= 1;
    }
    for row in rows {
        for (cell, width) in row.iter_mut().zip(&widths) {
            if cell.chars().count() > *width {
                *cell = cell.chars().take(width - 1).chain(['…']).collect();
            }
        }
    }
}

/// How long ago something was, in its largest unit.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    match now.duration_since(then).as_secs().max(0) {
        seconds @ 0..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![vec!["ami-1".into(), "x".into()], vec!["a".into(), "longer".into()]];
        assert_eq!(table(&["AMI", "B"], &rows), "AMI    B\nami-1  x\na      longer");
    }

    #[test]
    fn what_is_wider_than_the_terminal_is_shortened_where_that_is_enough() {
        let name = "a-name-that-is-long".to_owned();
        let mut rows = vec![vec!["ami-0123456789".into(), name.clone(), "2 GiB".into()]];
        let titles = ["AMI", "NAME", "SIZE"];
        fit(&titles, &mut rows, &[false, true, false], 36);
        assert_eq!(rows[0], ["ami-0123456789", "a-name-that-…", "2 GiB"]);
        assert!(table(&titles, &rows).lines().all(|line| line.chars().count() <= 36));
        fit(&titles, &mut rows, &[false, true, false], 5);
        assert_eq!(rows[0], ["ami-0123456789", "a-name-that-…", "2 GiB"], "it would not fit");
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1000);
        for (minutes, expected) in
            [(-1, "0 min"), (90, "90 min"), (120, "2 h"), (47 * 60, "47 h"), (48 * 60, "2 days")]
        {
            assert_eq!(age(now - jiff::SignedDuration::from_mins(minutes), now), expected);
        }
    }
}
