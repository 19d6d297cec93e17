//! Small symmetric positive definite matrices, by Cholesky factorisation.

/// A symmetric matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Symmetric {
    size: usize,
    cells: Vec<f64>,
}

/// The Cholesky factor: a lower triangular matrix whose product with its transpose is the matrix.
pub(crate) struct Factor {
    size: usize,
    cells: Vec<f64>,
}

impl Symmetric {
    pub(crate) fn zero(size: usize) -> Self {
        Self { size, cells: vec![0.0; size * size] }
    }

    pub(crate) fn diagonal(of: &[f64]) -> Self {
        let mut out = Self::zero(of.len());
        for (i, value) in of.iter().enumerate() {
            out.add_at(i, i, *value);
        }
        out
    }

    /// From the lower triangle, row by row; missing cells are 0.
    pub(crate) fn from_lower(size: usize, lower: &[f64]) -> Self {
        let mut out = Self::zero(size);
        let places = (0..size).flat_map(|i| (0..=i).map(move |j| (i, j)));
        for ((i, j), value) in places.zip(lower) {
            out.add_at(i, j, *value);
            if i != j {
                out.add_at(j, i, *value);
            }
        }
        out
    }

    /// Adds the outer product of a vector with itself, times a factor.
    pub(crate) fn add_outer(&mut self, vector: &[f64], times: f64) {
        for (row, x) in self.cells.chunks_exact_mut(self.size).zip(vector) {
            for (cell, y) in row.iter_mut().zip(vector) {
                *cell += times * x * y;
            }
        }
    }

    pub(crate) fn add(&mut self, other: &Self, times: f64) {
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            *mine += times * theirs;
        }
    }

    /// The sum of the diagonal.
    pub(crate) fn trace(&self) -> f64 {
        (0..self.size).map(|i| self.at(i, i)).sum()
    }

    /// The sum of the diagonal of the matrix's square.
    pub(crate) fn trace_of_square(&self) -> f64 {
        self.cells.iter().map(|cell| cell * cell).sum()
    }

    /// A cell of the diagonal.
    pub(crate) fn diagonal_at(&self, i: usize) -> f64 {
        self.at(i, i)
    }

    /// The matrix with its rows and columns multiplied by factors.
    pub(crate) fn scaled_by(&self, factors: &[f64]) -> Self {
        let mut out = self.clone();
        for (row, x) in out.cells.chunks_exact_mut(self.size).zip(factors) {
            row.iter_mut().zip(factors).for_each(|(cell, y)| *cell *= x * y);
        }
        out
    }

    /// The leading rows and columns.
    pub(crate) fn corner(&self, size: usize) -> Self {
        let rows = self.cells.chunks_exact(self.size).take(size);
        Self { size, cells: rows.flat_map(|row| row.iter().take(size)).copied().collect() }
    }

    pub(crate) fn scale(mut self, by: f64) -> Self {
        self.cells.iter_mut().for_each(|cell| *cell *= by);
        self
    }

    /// The Cholesky factor; none if the matrix is not positive definite.
    pub(crate) fn factor(&self) -> Option<Factor> {
        let n = self.size;
        let mut out = Factor { size: n, cells: vec![0.0; n * n] };
        for i in 0..n {
            for j in 0..=i {
                let done: f64 = (0..j).map(|k| out.at(i, k) * out.at(j, k)).sum();
                let left = self.at(i, j) - done;
                let value = if i == j { left.sqrt() } else { left / out.at(j, j) };
                if !value.is_finite() || (i == j && value <= 0.0) {
                    return None;
                }
                if let Some(cell) = out.cells.get_mut(i * n + j) {
                    *cell = value;
                }
            }
        }
        Some(out)
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.cells.get(i * self.size + j).copied().unwrap_or(0.0)
    }

    fn add_at(&mut self, i: usize, j: usize, value: f64) {
        if let Some(cell) = self.cells.get_mut(i * self.size + j) {
            *cell += value;
        }
    }
}

impl Factor {
    /// Logarithm of the determinant.
    pub(crate) fn log_determinant(&self) -> f64 {
        2.0 * (0..self.size).map(|i| self.at(i, i).ln()).sum::<f64>()
    }

    /// A matrix in the units of the factor: L^-1 M L^-T.
    pub(crate) fn whitened(&self, matrix: &Symmetric) -> Symmetric {
        let solve_rows = |cells: &[f64]| -> Vec<f64> {
            cells.chunks_exact(self.size).flat_map(|row| self.solved(row)).collect()
        };
        // The rows of a symmetric matrix are its columns; the half-solved matrix is turned between the two steps.
        let half = solve_rows(&matrix.cells);
        let turned: Vec<f64> =
            (0..self.size).flat_map(|i| half.iter().skip(i).step_by(self.size)).copied().collect();
        Symmetric { size: self.size, cells: solve_rows(&turned) }
    }

    /// The squared Mahalanobis distance of a vector from the origin.
    pub(crate) fn distance2(&self, vector: &[f64]) -> f64 {
        self.solved(vector).iter().map(|s| s * s).sum()
    }

    /// The vector in the units of the factor: L^-1 x.
    fn solved(&self, vector: &[f64]) -> Vec<f64> {
        let mut solved: Vec<f64> = Vec::with_capacity(self.size);
        for (i, value) in vector.iter().enumerate() {
            let done: f64 = solved.iter().enumerate().map(|(k, s)| self.at(i, k) * s).sum();
            solved.push((value - done) / self.at(i, i));
        }
        solved
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.cells.get(i * self.size + j).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_and_determinants_are_those_of_a_known_matrix() {
        // [[4, 2], [2, 3]]: determinant 8, inverse [[3, -2], [-2, 4]] / 8.
        let matrix = Symmetric::from_lower(2, &[4.0, 2.0, 3.0]);
        let factor = matrix.factor().unwrap();
        assert!((factor.log_determinant() - 8.0_f64.ln()).abs() < 1e-12);
        assert!((factor.distance2(&[1.0, 2.0]) - (3.0 - 8.0 + 16.0) / 8.0).abs() < 1e-12);
        let mut outer = Symmetric::diagonal(&[3.0, 2.0]);
        outer.add_outer(&[1.0, 2.0], 1.0);
        assert_eq!(outer, Symmetric::from_lower(2, &[4.0, 2.0, 6.0]));
        assert!(Symmetric::from_lower(2, &[1.0, 2.0, 1.0]).factor().is_none());
        let white = factor.whitened(&matrix);
        assert!(
            (white.trace() - 2.0).abs() < 1e-12 && (white.trace_of_square() - 2.0).abs() < 1e-12,
            "{white:?}"
        );
    }
}
