namespace PageTableEmu.Explore.Scheduling;

/// <summary>What one step touches: up to three shared words or page contents.</summary>
/// <param name="First">Number of a word in the <see cref="AddressTable"/>, 0 for none.</param>
/// <param name="Second">Another that is read.</param>
/// <param name="Written">The one that is written; the first may be the same.</param>
internal readonly record struct Touch(int First, int Second, int Written)
{
    internal bool IsNothing => (First | Second | Written) == 0;
}
