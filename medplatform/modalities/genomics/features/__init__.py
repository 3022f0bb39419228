"""What is computed of genotypes for each patient: scores, burden, carriers, matrices."""
