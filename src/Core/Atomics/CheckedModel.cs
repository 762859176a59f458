namespace PageTableEmu.Atomics;

/// <summary><see cref="Mainline"/> with every self-check on; what the tests run.</summary>
public readonly struct CheckedModel : IModel
{
    static bool IModel.Checked => true;
}
