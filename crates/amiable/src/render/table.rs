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

/// Shortens the widest cells until the lines of a table fit. The first column is never shortened:
/// it is what other commands take.
pub(crate) fn fit(titles: &[&str], rows: &mut [Vec<String>], width: usize) {
    let widest = |rows: &[Vec<String>], column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0)
    };
    loop {
        let of = |column: usize| widest(rows, column).max(titles[column].chars().count());
        let total: usize = (0..titles.len()).map(of).sum::<usize>() + 2 * (titles.len() - 1);
        let longest = (1..titles.len()).max_by_key(|column| widest(rows, *column));
        let (true, Some(column)) = (total > width, longest) else { return };
        let now = widest(rows, column);
        let wanted = now.saturating_sub(total - width).max(titles[column].chars().count()).max(8);
        if wanted >= now {
            return;
        }
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            if cell.chars().count() > wanted {
                *cell = cell.chars().take(wanted - 1).chain(['…']).collect();
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
    fn what_is_wider_than_the_terminal_is_shortened_but_for_the_first_column() {
        let name = "a-name-that-is-long".to_owned();
        let mut rows = vec![vec!["ami-0123456789".into(), name.clone(), "2 GiB".into()]];
        let titles = ["AMI", "NAME", "SIZE"];
        fit(&titles, &mut rows, 36);
        assert_eq!(rows[0], ["ami-0123456789", "a-name-that-…", "2 GiB"]);
        assert!(table(&titles, &rows).lines().all(|line| line.chars().count() <= 36));
        fit(&titles, &mut rows, 5);
        assert_eq!(rows[0], ["ami-0123456789", "a-name-…", "2 GiB"], "no further than that");
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
